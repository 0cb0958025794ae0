# The verbs of this checkout. `make` lists them.

PYTHON ?= python3
LAB = $(PYTHON) -m lab

.DEFAULT_GOAL := help
.PHONY: help demo deploy rollback status url clean distclean lint unit test soak cores docs build venv

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Set everything up and bring up the demo, one server with a guest book; TOPOLOGY=cluster lets it grow to six
	@$(LAB) demo $(TOPOLOGY)

deploy: ## Deploy a new edition of the demo, or VERSION=<branch, tag or commit>
	@$(LAB) deploy $(VERSION)

rollback: ## Return the demo to the release before, or to RELEASE=<id>
	@$(LAB) rollback $(RELEASE)

status: ## Show which release of the demo serves, and how it does
	@$(LAB) status

url: ## Print the demo's address and nothing else
	@$(LAB) url

clean: ## Remove the lab hosts of this checkout; downloads and images stay
	@$(LAB) clean

distclean: ## Remove the images, the shared downloads and the tools as well
	@$(LAB) clean --caches
	@rm -rf .lab .venv .ansible .cache .mypy_cache .pytest_cache .ruff_cache

# These call the tools by name.
lint unit soak docs build: export PATH := $(CURDIR)/.venv/bin:$(PATH)

lint: venv ## Look for mistakes without running anything
	ruff check .
	ruff format --check .
	mypy .
	yamllint --strict .
	ansible-lint
	@$(LAB) sanity
	antsibull-changelog lint
	python tools/docs.py --check

unit: venv ## Run the unit tests
	pytest tests/unit

# Hosts mostly wait: one server after the other fits beside lint, the unit tests and the cluster. A third line gains nothing on two
# processors: tests under load then take longer, and their loads with them.
test: BESIDE ?= $(if $(STAGES),,single-trixie single-bookworm)
test: ## Run all the tests, or STAGES="unit single-trixie"; a slow machine leaves some out and names them, unless ALL=1
	@$(LAB) test $(STAGES) $(if $(ALL),--all) --beside $(BESIDE)

soak: venv ## Meet a host of an earlier version, upgrade PostgreSQL, deploy under load for longer than the tests do, DEPLOYS=200 times, and have database hosts fail
	@$(LAB) up single --prefix soak-
	HOTCLUB_INVENTORIES=inventories/single:.lab/soak-single/hosts.yml pytest tests/behaviour/soak
	HOTCLUB_INVENTORIES=inventories/single:.lab/soak-single/hosts.yml HOTCLUB_DEPLOYS=$(or $(DEPLOYS),200) \
		pytest tests/behaviour/single -k deploys_back_and_forth
	@$(LAB) down single --prefix soak-
	@$(LAB) up database-cluster --prefix soak-
	HOTCLUB_INVENTORIES=inventories/database-cluster:.lab/soak-database-cluster/hosts.yml \
		pytest tests/behaviour/failover/test_backup_host.py tests/behaviour/failover/test_growth_of_backups.py
	@$(LAB) down database-cluster --prefix soak-
	@$(LAB) up database-cluster --prefix soak-
	HOTCLUB_INVENTORIES=inventories/database-cluster:.lab/soak-database-cluster/hosts.yml pytest tests/behaviour/failover
	@$(LAB) down database-cluster --prefix soak-

cores: ## Check the collection as newer versions of ansible-core do, CORES="2.20 2.21", on a host of its own
	@$(LAB) up single --prefix cores-
	@$(LAB) sanity --host cores-web1 $(or $(CORES),2.20 2.21)
	@$(LAB) down single --prefix cores-

docs: venv ## Write the reference and the page of messages from the code
	python tools/docs.py

build: venv ## Build the collection's archive
	ansible-galaxy collection build --force

venv:
	@$(LAB) bootstrap
