// Package health asks backends whether they are there.
package health

import (
	"net"
	"time"
)

// Reachable tells whether the target takes connections.
func Reachable(target string) bool {
	connection, err := net.DialTimeout("tcp", target, time.Second)
	if err != nil {
		return false
	}
	return connection.Close() == nil
}
