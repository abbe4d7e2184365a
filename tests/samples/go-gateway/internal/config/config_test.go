package config

import "testing"

func TestDefaults(t *testing.T) {
	settings, err := Load("none.yaml")
	if err != nil || settings.LogLevel != "info" {
		t.Fatal(settings, err)
	}
}
