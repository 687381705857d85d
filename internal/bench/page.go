package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// pageBound is the weight of a first load, all of it.
const pageBound = 20 * kib

// measurePage weighs the waiting page and all that it loads.
func measurePage(ctx context.Context, l *lab) (lines []line, err error) {
	server, err := l.newServer("page", 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	v, err := newVisitor(ctx, server.address)
	if err != nil {
		return nil, err
	}
	weight, err := compressed([]byte(v.page))
	if err != nil {
		return nil, err
	}
	assets, err := assetsOf(v.page)
	if err != nil {
		return nil, err
	}
	for _, path := range assets {
		asset, err := v.get(ctx, path)
		if err != nil {
			return nil, err
		}
		if asset.status != http.StatusOK {
			return nil, fmt.Errorf("%s answers %d", path, asset.status)
		}
		size := len(asset.body)
		if asset.header.Get("Content-Encoding") == "" {
			if size, err = compressed(asset.body); err != nil {
				return nil, err
			}
		}
		weight += size
	}
	return []line{{
		what:     fmt.Sprintf("waiting page, first load with its %d files, gzip", len(assets)),
		measured: fmt.Sprintf("%.1f KiB", float64(weight)/kib),
		bound:    fmt.Sprintf("< %d KiB", pageBound/kib), verdict: judge(weight < pageBound),
	}}, nil
}

// compressed returns the size of a body as a proxy sends it on: what the server
// doesn't compress itself.
func compressed(body []byte) (int, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(body)
	return b.Len(), errors.Join(err, w.Close())
}

// assetsOf returns the paths of what a page loads, each once. It is an error if
// something would come from another host.
func assetsOf(page string) ([]string, error) {
	address := regexp.MustCompile(`<(?:link|script|img)\b[^>]*?\b(?:href|src)="([^"]*)"`)
	var paths []string
	seen := make(map[string]bool)
	for _, match := range address.FindAllStringSubmatch(page, -1) {
		path := match[1]
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
			return nil, fmt.Errorf("the page loads %s from elsewhere", path)
		}
		if !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil, errors.New("the page loads nothing: is it the waiting page?")
	}
	return paths, nil
}
