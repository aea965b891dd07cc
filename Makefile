# What a developer and CI run. Each target sets up what it needs: see scripts/setup.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test audit test-druid test-druid-security dist peers peers-render gate

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 22

setup: ## install what building needs (cmake for Pingora's zlib), or print the command that does
	@scripts/setup build

demo: setup ## build, then walk through the guided tour
	@cargo build --release --quiet
	@target/release/overgate demo --tour-only

test: setup ## formatting, lints, documentation, all tests; prints the time of each part
	@scripts/test

audit: setup ## licences, bans and sources of all dependencies
	@scripts/audit

test-druid: ## the suite against real Druid: make test-druid DRUID=33.0.0
	@scripts/test-druid $(or $(DRUID),28.0.0)

test-druid-security: ## the suite against real Druid with its basic security on
	@scripts/test-druid 28.0.0 security

peers: ## what a request costs beside nginx, HAProxy, Envoy and Pingora (an hour)
	@scripts/peers run

peers-render: ## the README's part of it again, from the numbers
	@cargo run --quiet --package peers -- render docs/performance/peers.json README.md

gate: ## what a request costs beside nginx, held against bounds
	@scripts/peers gate

dist: setup ## the binary that is shipped (fat LTO, some eight minutes)
	@cargo build --profile dist
