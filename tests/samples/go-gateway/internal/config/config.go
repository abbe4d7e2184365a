// Package config reads settings.
package config

import (
	"errors"
	"io/fs"
	"os"

	"gopkg.in/yaml.v3"
)

// Settings of the gateway.
type Settings struct {
	LogLevel string            `yaml:"log_level"`
	Backends map[string]string `yaml:"backends"`
}

// Load reads a file; none gives the defaults.
func Load(path string) (Settings, error) {
	settings := Settings{LogLevel: "info"}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return settings, nil
	}
	if err != nil {
		return settings, err
	}
	return settings, yaml.Unmarshal(text, &settings)
}
