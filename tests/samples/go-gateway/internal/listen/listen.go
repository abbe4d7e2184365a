// Package listen takes connections and hands them to a backend.
package listen

import (
	"net"

	"example.com/gateway/internal/backend"
	"example.com/gateway/internal/health"
	"github.com/go-logr/logr"
)

// Serve runs until the address can't be listened on.
func Serve(address, target string, logger logr.Logger) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		if !health.Reachable(target) {
			logger.Info("unreachable", "backend", target)
			_ = connection.Close()
			continue
		}
		go backend.Pass(connection, target, logger)
	}
}
