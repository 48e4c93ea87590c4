"""The tests: unit, compliance, integration, crash, browser, bench."""
