package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parse turns data into the tree of its one document. It returns nil if there is
// none, or none that could be read; then nothing is asked of its content.
func (l *loader) parse(data []byte) *yaml.Node {
	if len(data) > maxFile {
		l.fault("", "is larger than %d bytes", maxFile)
		return nil
	}
	documents, err := decode(data)
	if err != nil {
		l.broken[""] = true
		l.faultAt(faultyLine(data, err), "", "not valid YAML: %s", withoutPosition(err))
		return nil
	}
	if len(documents) == 0 {
		return nil
	}
	for _, more := range documents[1:] {
		l.faultAt(more.Line, "", "only one YAML document is allowed")
	}
	root := documents[0].Content[0]
	if root.ShortTag() == "!!null" {
		return nil // Nothing but comments.
	}
	l.refuseTricks(root)
	return root
}

// decode returns the documents in data. It reads no further than the second,
// as one is allowed.
func decode(data []byte) ([]*yaml.Node, error) {
	var documents []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for len(documents) < 2 {
		document := &yaml.Node{}
		err := decoder.Decode(document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, document)
	}
	return documents, nil
}

// faultyLine returns the line that makes data invalid. The library's own number
// is sometimes missing, sometimes one less, sometimes that of the enclosing
// block; so look for the shortest beginning of data that is invalid in
// the same way.
func faultyLine(data []byte, want error) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	ends := make([]int, len(lines))
	end := 0
	for i, line := range lines {
		end += len(line)
		ends[i] = end
	}
	return 1 + sort.Search(len(ends)-1, func(i int) bool {
		_, err := decode(data[:ends[i]])
		return err != nil && err.Error() == want.Error()
	})
}

// withoutPosition returns the library's message without its prefix and line.
func withoutPosition(err error) string {
	prefix := regexp.MustCompile(`^yaml: (line \d+: )?`)
	return strings.TrimSpace(prefix.ReplaceAllString(err.Error(), ""))
}

// refuseTricks notes all anchors, aliases and tags in the tree. A few lines of
// aliases can stand for gigabytes, and a configuration needs none of them.
func (l *loader) refuseTricks(node *yaml.Node) {
	switch {
	case node.Kind == yaml.AliasNode:
		l.faultAt(node.Line, "", "aliases (*%.64s) are not supported", node.Value)
	case node.Anchor != "":
		l.faultAt(node.Line, "", "anchors (&%.64s) are not supported", node.Anchor)
	case node.Style&yaml.TaggedStyle != 0:
		l.faultAt(node.Line, "", "tags (%.64s) are not supported", node.Tag)
	}
	for _, child := range node.Content {
		l.refuseTricks(child)
	}
}
