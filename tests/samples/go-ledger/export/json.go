// Package export writes amounts for other programs.
package export

import (
	"encoding/json"
	"io"

	"example.com/money"
	"github.com/shopspring/decimal"
)

// JSON writes amounts and their sum.
func JSON(target io.Writer, amounts []decimal.Decimal) error {
	return json.NewEncoder(target).Encode(map[string]any{"amounts": amounts, "sum": money.Sum(amounts)})
}
