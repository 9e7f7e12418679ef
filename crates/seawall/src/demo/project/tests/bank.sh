#!/bin/sh
# A bank for tests. LEDGER is its book, one line a charge. With FLAKY set, it charges and then does not answer
# the first time: that is how real banks time out.
key=$1 cents=$2
grep -q "^$key " "$LEDGER" || echo "$key $cents" >>"$LEDGER"
if [ -n "${FLAKY:-}" ] && [ ! -e "$LEDGER.timed-out" ]; then
    : >"$LEDGER.timed-out"
    exit 75
fi
wc -l <"$LEDGER" | tr -d ' '
