// Package money keeps amounts exactly.
package money

import "github.com/shopspring/decimal"

// Sum of amounts.
func Sum(amounts []decimal.Decimal) decimal.Decimal {
	total := decimal.Zero
	for _, amount := range amounts {
		total = total.Add(amount)
	}
	return total
}
