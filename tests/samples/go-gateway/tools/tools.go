//go:build tools

// Package tools pins programs that `go generate` and CI run.
package tools

import (
	_ "github.com/google/wire/cmd/wire"
	_ "honnef.co/go/tools/cmd/staticcheck"
	_ "mvdan.cc/gofumpt"
	_ "sigs.k8s.io/controller-tools/cmd/controller-gen"
)
