//go:build sheet

package export

import (
	"io"

	"github.com/shopspring/decimal"
	"github.com/xuri/excelize/v2"
)

// Sheet writes a workbook.
func Sheet(target io.Writer, amounts []decimal.Decimal) error {
	book := excelize.NewFile()
	for row, amount := range amounts {
		if err := book.SetCellValue("Sheet1", "A"+string(rune('1'+row)), amount.String()); err != nil {
			return err
		}
	}
	return book.Write(target)
}
