// Renders a chart's templates by Go's own text/template and Sprig, which helm is made of. The folder of templates is the
// argument, the context JSON on stdin; prints a JSON object of texts by file. Run by npm run test:deploy, with Debian's
// golang-go, golang-github-masterminds-sprig-dev and golang-gopkg-yaml.v3-dev.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func check(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func main() {
	var context map[string]interface{}
	decoder := json.NewDecoder(os.Stdin)
	check(decoder.Decode(&context))
	all := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = func(value interface{}) string {
		text, err := yaml.Marshal(value)
		check(err)
		return strings.TrimSuffix(string(text), "\n")
	}
	functions["include"] = func(name string, dot interface{}) (string, error) {
		var into bytes.Buffer
		err := all.ExecuteTemplate(&into, name, dot)
		return into.String(), err
	}
	all.Funcs(functions)
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*"))
	check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		template.Must(all.New(filepath.Base(file)).Parse(string(text)))
	}
	rendered := map[string]string{}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var into bytes.Buffer
		check(all.ExecuteTemplate(&into, name, context))
		rendered[name] = into.String()
	}
	check(json.NewEncoder(os.Stdout).Encode(rendered))
}
