// Oracle says what BuildKit's own parser makes of Dockerfiles: base64 texts on stdin, one a line; one JSON
// object a line on stdout. A test's reference, no part of the product.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

type heredoc struct {
	Name    string `json:"name"`
	Content string `json:"content"`
	Expand  bool   `json:"expand"`
	Chomp   bool   `json:"chomp"`
}

type instruction struct {
	Keyword  string       `json:"keyword"`
	Start    int          `json:"start"`
	End      int          `json:"end"`
	Original string       `json:"original"`
	Flags    []string     `json:"flags"`
	Words    []string     `json:"words"`
	JSON     bool         `json:"json"`
	Heredocs []heredoc    `json:"heredocs"`
	Trigger  *instruction `json:"trigger"`
}

type stage struct {
	Name string `json:"name"`
	Base string `json:"base"`
	Line int    `json:"line"`
}

type answer struct {
	ParseError   string        `json:"parse_error"`
	CheckError   string        `json:"check_error"`
	Line         int           `json:"line"`
	Escape       string        `json:"escape"`
	Syntax       string        `json:"syntax"`
	Check        string        `json:"check"`
	Instructions []instruction `json:"instructions"`
	Stages       []stage       `json:"stages"`
}

func main() {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<26)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for scanner.Scan() {
		text, err := base64.StdEncoding.DecodeString(scanner.Text())
		if err == nil {
			err = encoder.Encode(judge(text))
		}
		if err != nil {
			panic(err)
		}
	}
	if err := scanner.Err(); err != nil {
		panic(err)
	}
}

func judge(text []byte) answer {
	var found answer
	found.Syntax, _, _, _ = parser.DetectSyntax(text)
	_, found.Check, _, _ = parser.ParseDirective("check", text)
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		found.ParseError, found.Line = err.Error(), line(err)
		return found
	}
	found.Escape = string(result.EscapeToken)
	for _, node := range result.AST.Children {
		found.Instructions = append(found.Instructions, *read(node))
	}
	stages, _, err := instructions.Parse(result.AST, linter.New(&linter.Config{}))
	if err == nil && len(stages) == 0 {
		err = errors.New("dockerfile contains no stages to build") // dockerfile2llb.toDispatchState
	}
	if err != nil {
		found.CheckError, found.Line = err.Error(), line(err)
		return found
	}
	for _, each := range stages {
		found.Stages = append(found.Stages, stage{each.Name, each.BaseName, each.Location[0].Start.Line})
	}
	return found
}

func line(err error) int {
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 && len(located.Locations[0]) > 0 {
		return located.Locations[0][0].Start.Line
	}
	return 0
}

func read(node *parser.Node) *instruction {
	found := instruction{
		Keyword: node.Value, Start: node.StartLine, End: node.EndLine, Original: node.Original,
		Flags: node.Flags, JSON: node.Attributes["json"],
	}
	for _, each := range node.Heredocs {
		found.Heredocs = append(found.Heredocs, heredoc{each.Name, each.Content, each.Expand, each.Chomp})
	}
	for next := node.Next; next != nil; next = next.Next {
		if len(next.Children) > 0 {
			found.Trigger = read(next.Children[0])
		} else {
			found.Words = append(found.Words, next.Value)
		}
	}
	return &found
}
