# Writes what the customer sees.

# receipt CENTS NUMBER: one line.
receipt() {
    printf 'Paid %d.%02d, receipt %s\n' "$(($1 / 100))" "$(($1 % 100))" "$2"
}
