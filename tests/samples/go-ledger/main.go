// Command ledger sums the amounts of a file.
package main

import (
	"fmt"
	"os"

	"example.com/ledger/export"
	"example.com/ledger/report"
	"example.com/money"
	"github.com/spf13/pflag"
)

func main() {
	asJSON := pflag.Bool("json", false, "write JSON")
	pflag.Parse()
	amounts, err := report.Read(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if *asJSON {
		err = export.JSON(os.Stdout, amounts)
	} else {
		_, err = fmt.Println(money.Format(money.Sum(amounts)))
	}
	if err != nil {
		os.Exit(1)
	}
}
