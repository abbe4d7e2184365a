//go:build database

package export

import (
	"database/sql"

	"github.com/shopspring/decimal"
	_ "modernc.org/sqlite"
)

// Database adds amounts to a table.
func Database(path string, amounts []decimal.Decimal) error {
	database, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer database.Close()
	for _, amount := range amounts {
		if _, err := database.Exec("insert into amounts values (?)", amount.String()); err != nil {
			return err
		}
	}
	return nil
}
