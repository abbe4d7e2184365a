// Package log writes structured lines.
package log

import (
	"os"

	"github.com/go-logr/logr"
	"github.com/go-logr/zerologr"
	"github.com/rs/zerolog"
)

// New gives a logger of a level.
func New(level string) logr.Logger {
	parsed, err := zerolog.ParseLevel(level)
	if err != nil {
		parsed = zerolog.InfoLevel
	}
	writer := zerolog.New(os.Stderr).Level(parsed)
	return zerologr.New(&writer)
}
