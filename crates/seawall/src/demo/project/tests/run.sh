#!/bin/sh
# Every test of the shop. Exits with 1 when one fails.
cd "$(dirname "$0")/.." || exit 1
. payments/charge.sh
. web/receipt.sh
BANK=tests/bank.sh
failed=0

# check NAME WANTED GOT
check() {
    if [ "$2" = "$3" ]; then
        echo "ok    $1"
    else
        echo "FAIL  $1: wanted '$2', got '$3'"
        failed=1
    fi
}

# Each test has a bank of its own.
fresh() {
    LEDGER=$(mktemp)
    export LEDGER
}

fresh
check "a charge gives a receipt number" 1 "$(charge 1250)"

fresh
check "a charge survives one timeout of the bank" ok "$(FLAKY=1 && export FLAKY && charge 1250 >/dev/null && echo ok)"

check "a receipt shows the amount" "Paid 12.50, receipt 17" "$(receipt 1250 17)"

exit $failed
