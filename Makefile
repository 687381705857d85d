# Thin targets: each is the command that you would type yourself. `make test`
# needs only Go, git and make; what the others need is said beside them.

# The product is one static binary, and its tests need no C compiler.
export CGO_ENABLED ?= 0

# How long each fuzz target runs.
FUZZTIME ?= 30s

GO ?= go
GOLANGCI_LINT = $(GO) tool -modfile=tools/go.mod golangci-lint

.DEFAULT_GOAL := build

.PHONY: help
help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "%-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/anteroom.
	$(GO) build -trimpath -o bin/anteroom ./cmd/anteroom

.PHONY: test
test: ## Vet and run the tests; needs Go, git and make.
	$(GO) vet ./...
	$(GO) test ./...

.PHONY: race
race: ## Run the tests in random order under the race detector; needs gcc.
	CGO_ENABLED=1 $(GO) test -race -shuffle=on ./...

.PHONY: lint
lint: ## Run golangci-lint, pinned in tools/go.mod; its first build takes minutes.
	$(GOLANGCI_LINT) run
	cd deploy/check && $(GO) tool -modfile=../../tools/go.mod golangci-lint run

.PHONY: manifests
manifests: ## Hold deploy/ against the schemas of those who will read it; its first build takes minutes.
	@# What it checks is outside its module, where go test does not look for changes.
	$(GO) test -C deploy/check -count=1 ./...

.PHONY: fmt
fmt: ## Format the code as `make lint` demands.
	$(GOLANGCI_LINT) fmt

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (30s).
	GO='$(GO)' FUZZTIME='$(FUZZTIME)' tools/fuzz.sh

.PHONY: bench
bench: ## Measure the bounds and write docs/performance.md; needs Linux, two cores and redis-server.
	$(GO) run ./internal/bench

.PHONY: e2e
e2e: build ## Drive the built binary with real browsers and relying parties; needs what .ci/run installs.
	npm --prefix e2e ci
	@# The tests wait in line most of the time, so four at once suit two cores.
	E2E_BINARY='$(CURDIR)/bin/anteroom' $(GO) test -tags e2e -count=1 -parallel 4 -timeout 30m ./e2e/...

.PHONY: cover
cover: ## Show the share of statements that the tests run.
	$(GO) test -coverpkg=./... -coverprofile=coverage.out ./...
	$(GO) tool cover -func=coverage.out | tail -n 1
