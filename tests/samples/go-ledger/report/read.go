// Package report reads amounts, one a line.
package report

import (
	"bufio"
	"io"

	"github.com/shopspring/decimal"
)

// Read stops at the first line that is no amount.
func Read(source io.Reader) ([]decimal.Decimal, error) {
	var amounts []decimal.Decimal
	lines := bufio.NewScanner(source)
	for lines.Scan() {
		amount, err := decimal.NewFromString(lines.Text())
		if err != nil {
			return nil, err
		}
		amounts = append(amounts, amount)
	}
	return amounts, lines.Err()
}
