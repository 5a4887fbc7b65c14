// What BuildKit makes of Dockerfiles and of words in them: a question a line on stdin, an answer a line on stdout,
// both in JSON. The other side, which is consign's, takes the same questions and gives answers of the same form.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

type question struct {
	Kind   string            `json:"kind"`
	Text   string            `json:"text"`
	Escape string            `json:"escape"`
	Env    map[string]string `json:"env"`
	Args   map[string]string `json:"args"`
	Target string            `json:"target"`
	// Which quirks of reading a word apply.
	KeepQuotes   bool `json:"keep_quotes"`
	KeepEscapes  bool `json:"keep_escapes"`
	IgnoreQuotes bool `json:"ignore_quotes"`
	KeepUnset    bool `json:"keep_unset"`
}

type object = map[string]any

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(answer(q)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
}

func answer(q question) (result object) {
	defer func() {
		if p := recover(); p != nil {
			result = object{"error": fmt.Sprint("panic: ", p)}
		}
	}()
	switch q.Kind {
	case "word":
		return word(q)
	case "parse":
		return parse(q)
	case "build":
		return build(q)
	case "lint":
		return lint(q)
	}
	return object{"error": "no such kind of question"}
}

func failed(err error) object { return object{"error": err.Error()} }

type env map[string]string

func (e env) Get(name string) (string, bool) { v, ok := e[name]; return v, ok }
func (e env) Keys() []string                 { return nil }

func word(q question) object {
	lex := shell.NewLex(rune(q.Escape[0]))
	lex.RawQuotes, lex.RawEscapes, lex.SkipProcessQuotes, lex.SkipUnsetEnv =
		q.KeepQuotes, q.KeepEscapes, q.IgnoreQuotes, q.KeepUnset
	r, err := lex.ProcessWordWithMatches(q.Text, env(q.Env))
	if err != nil {
		return failed(err)
	}
	return object{"text": r.Result, "words": list(r.Words), "used": keys(r.Matched), "unset": keys(r.Unmatched)}
}

func list(words []string) []string {
	if words == nil {
		return []string{}
	}
	return words
}

func keys(set map[string]struct{}) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func parse(q question) object {
	file, err := parser.Parse(strings.NewReader(q.Text))
	if err != nil {
		return failed(err)
	}
	silent := linter.New(&linter.Config{})
	stages, _, err := instructions.Parse(file.AST, silent)
	if err != nil {
		return failed(err)
	}
	if len(stages) == 0 {
		return object{"error": "no stages"}
	}
	found := []object{}
	for _, node := range file.AST.Children {
		command, err := instructions.ParseInstructionWithLinter(node, silent)
		if err != nil {
			return failed(err)
		}
		one := object{"name": strings.ToUpper(node.Value), "lines": []int{node.StartLine, node.EndLine}, "comments": list(node.PrevComment)}
		for name, value := range fields(command) {
			one[name] = value
		}
		found = append(found, one)
	}
	return object{"instructions": found, "escape": string(file.EscapeToken), "blank_lines": len(file.Warnings)}
}

func fields(command any) object {
	switch c := command.(type) {
	case *instructions.Stage:
		return object{"base": c.BaseName, "platform": c.Platform, "as": c.Name}
	case *instructions.AddCommand:
		return copied(c.SourcesAndDest, object{"chown": c.Chown, "chmod": c.Chmod, "link": c.Link, "exclude": list(c.ExcludePatterns),
			"checksum": c.Checksum, "keep_git_dir": c.KeepGitDir, "unpack": c.Unpack})
	case *instructions.CopyCommand:
		return copied(c.SourcesAndDest, object{"chown": c.Chown, "chmod": c.Chmod, "link": c.Link, "exclude": list(c.ExcludePatterns),
			"from": c.From, "parents": c.Parents})
	case *instructions.EnvCommand:
		return object{"pairs": pairs(c.Env)}
	case *instructions.LabelCommand:
		return object{"pairs": pairs(c.Labels)}
	case *instructions.ArgCommand:
		args := [][]any{}
		for _, arg := range c.Args {
			args = append(args, []any{arg.Key, arg.Value})
		}
		return object{"args": args}
	case *instructions.RunCommand:
		from := []string{}
		for _, mount := range instructions.GetMounts(c) {
			from = append(from, mount.From)
		}
		devices := []object{}
		for _, device := range instructions.GetDevices(c) {
			devices = append(devices, object{"name": device.Name, "required": device.Required})
		}
		line := commandLine(c.ShellDependantCmdLine)
		line["from"], line["network"], line["security"] = from, instructions.GetNetwork(c), instructions.GetSecurity(c)
		line["devices"] = len(devices)
		return line
	case *instructions.CmdCommand:
		return commandLine(c.ShellDependantCmdLine)
	case *instructions.EntrypointCommand:
		return commandLine(c.ShellDependantCmdLine)
	case *instructions.HealthCheckCommand:
		h := c.Health
		return object{"test": h.Test, "interval": h.Interval, "timeout": h.Timeout, "start_period": h.StartPeriod,
			"start_interval": h.StartInterval, "retries": h.Retries}
	case *instructions.ShellCommand:
		return object{"words": list(c.Shell)}
	case *instructions.ExposeCommand:
		return object{"words": list(c.Ports)}
	case *instructions.VolumeCommand:
		return object{"words": list(c.Volumes)}
	case *instructions.OnbuildCommand:
		return object{"word": c.Expression}
	case *instructions.WorkdirCommand:
		return object{"word": c.Path}
	case *instructions.UserCommand:
		return object{"word": c.User}
	case *instructions.StopSignalCommand:
		return object{"word": c.Signal}
	case *instructions.MaintainerCommand:
		return object{"word": c.Maintainer}
	}
	return object{"unknown": fmt.Sprintf("%T", command)}
}

func copied(c instructions.SourcesAndDest, more object) object {
	documents := []object{}
	for _, content := range c.SourceContents {
		documents = append(documents, object{"name": content.Path, "content": content.Data, "expand": content.Expand})
	}
	more["sources"], more["documents"], more["destination"] = list(c.SourcePaths), documents, c.DestPath
	return more
}

func pairs(pairs instructions.KeyValuePairs) [][]any {
	found := [][]any{}
	for _, pair := range pairs {
		found = append(found, []any{pair.Key, pair.Value, pair.NoDelim})
	}
	return found
}

func commandLine(c instructions.ShellDependantCmdLine) object {
	documents := []object{}
	for _, file := range c.Files {
		documents = append(documents, object{"name": file.Name, "content": file.Data, "chomp": file.Chomp})
	}
	words := c.CmdLine
	if c.PrependShell {
		words = []string{strings.Join(words, " ")}
	}
	return object{"words": list(words), "shell": c.PrependShell, "documents": documents}
}

// Every image is the same: it has the environment of the question.
type images struct{ env map[string]string }

func (i images) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	list := []string{}
	for name, value := range i.env {
		list = append(list, name+"="+value)
	}
	sort.Strings(list)
	platform := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		platform = *opt.ImageOpt.Platform
	}
	image := object{
		"os": platform.OS, "architecture": platform.Architecture, "config": object{"Env": list},
		"rootfs":  object{"type": "layers", "diff_ids": []string{"sha256:" + strings.Repeat("0", 64)}},
		"history": []object{{"created_by": "base"}},
	}
	bytes, err := json.Marshal(image)
	return ref, digest.FromBytes(bytes), bytes, err
}

func options(q question) dockerfile2llb.ConvertOpt {
	platform := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	capabilities := pb.Caps.CapSet(pb.Caps.All())
	return dockerfile2llb.ConvertOpt{
		LLBCaps: &capabilities,
		Config: dockerui.Config{
			BuildArgs: q.Args, Target: q.Target, BuildPlatforms: []ocispecs.Platform{platform},
		},
		SourceMap:      llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", []byte(q.Text)),
		TargetPlatform: &platform,
		MetaResolver:   images{q.Env},
	}
}

func build(q question) object {
	opt := options(q)
	opt.Warn = func(string, string, string, string, []parser.Range) {}
	result, err := dockerfile2llb.Dockerfile2LLB(context.Background(), []byte(q.Text), opt)
	if err != nil {
		return failed(err)
	}
	image := result.Image
	history := []object{}
	for _, entry := range image.History {
		if entry.CreatedBy != "base" && !strings.HasPrefix(entry.CreatedBy, "RUN ") {
			history = append(history, object{"created_by": entry.CreatedBy, "empty_layer": entry.EmptyLayer})
		}
	}
	return object{"history": history, "config": image.Config, "author": image.Author}
}

// Like BuildKit's own lint request, but for a file that is in no build context.
func lint(q question) object {
	found := map[string]struct{}{}
	opt := options(q)
	opt.AllStages = q.Target == ""
	opt.Warn = func(rule, _, _, _ string, location []parser.Range) {
		line := 0
		if len(location) > 0 {
			line = location[0].Start.Line
		}
		found[fmt.Sprintf("%d %s", line, rule)] = struct{}{}
	}
	if _, err := dockerfile2llb.Dockerfile2LLB(context.Background(), []byte(q.Text), opt); err != nil {
		return failed(err)
	}
	return object{"findings": keys(found)}
}
