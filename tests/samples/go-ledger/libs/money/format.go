package money

import "github.com/shopspring/decimal"

// Format writes an amount with two digits.
func Format(amount decimal.Decimal) string { return amount.StringFixed(2) }
