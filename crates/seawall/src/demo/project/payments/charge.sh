# Charges a card through the bank.
#
# BANK is the program that talks to the bank: BANK KEY CENTS. It prints the bank's receipt number, and exits
# with 75 when the bank did not answer in time. A bank that sees a KEY again does not charge again.

new_key() {
    od -An -N8 -tx8 /dev/urandom | tr -d ' \n'
}

# charge CENTS: prints the bank's receipt number.
charge() {
    "$BANK" "$(new_key)" "$1"
}
