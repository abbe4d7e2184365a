// Command gateway passes TCP connections on to backends.
package main

import (
	"os"

	"example.com/gateway/internal/config"
	"example.com/gateway/internal/listen"
	"example.com/gateway/internal/log"
	"golang.org/x/sync/errgroup"
)

var version = "dev"

func main() {
	settings, err := config.Load(os.Getenv("GATEWAY_CONFIG"))
	if err != nil {
		log.New("error").Error(err, "configuration")
		os.Exit(2)
	}
	logger := log.New(settings.LogLevel)
	logger.Info("starting", "version", version)
	var group errgroup.Group
	for address, backend := range settings.Backends {
		group.Go(func() error { return listen.Serve(address, backend, logger) })
	}
	if err := group.Wait(); err != nil {
		logger.Error(err, "stopped")
		os.Exit(1)
	}
}
