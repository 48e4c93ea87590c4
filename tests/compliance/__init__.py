"""One suite a port, run for every implementation: a new one earns its place by passing."""

import pytest

# Suites are no test modules, and yet a failing assertion in one is to show its values.
pytest.register_assert_rewrite(
    "tests.compliance.adapter_suite",
    "tests.compliance.collector_suite",
    "tests.compliance.delivery_suite",
    "tests.compliance.facade_suite",
)
