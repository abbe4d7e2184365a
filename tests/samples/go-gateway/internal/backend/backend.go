// Package backend copies bytes both ways.
package backend

import (
	"io"
	"net"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
)

// Pass connects the client with the target until one of them closes.
func Pass(client net.Conn, target string, logger logr.Logger) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		logger.Error(err, "backend", "target", target)
		return
	}
	defer server.Close()
	var group errgroup.Group
	group.Go(func() error { _, err := io.Copy(server, client); return err })
	group.Go(func() error { _, err := io.Copy(client, server); return err })
	_ = group.Wait()
}
