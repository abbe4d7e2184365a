// Command convert rewrites the settings of release 1 for release 2.
package main

import (
	"os"

	"gopkg.in/yaml.v3"
)

func main() {
	var old map[string]any
	if err := yaml.NewDecoder(os.Stdin).Decode(&old); err != nil {
		os.Exit(1)
	}
	_ = yaml.NewEncoder(os.Stdout).Encode(map[string]any{"backends": old})
}
