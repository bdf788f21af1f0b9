import subprocess
import sys

import shelfwise.http
from shelfwise.http import BreakerPolicy, CachePolicy, Policy, RetryPolicy


def test_all_is_sorted_complete_and_importable():
    names = shelfwise.http.__all__
    assert names == sorted(names)
    assert all(hasattr(shelfwise.http, name) for name in names)


def test_the_library_imports_nothing_else_of_shelfwise():
    script = (
        "import sys, shelfwise.http, shelfwise.http.testing\n"
        "print([m for m in sys.modules if m.startswith('shelfwise.') and not m.startswith('shelfwise.http')])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_defaults_are_the_documents():
    policy = Policy()
    assert (policy.total_timeout_seconds, policy.connect_timeout_seconds) == (30, 10)
    assert (policy.max_connections, policy.max_keepalive) == (100, 20)
    assert (policy.http2, policy.follow_redirects, policy.max_redirects) == ("auto", True, 5)
    assert policy.max_body_bytes == 10 * 1024 * 1024
    retry = RetryPolicy()
    assert (retry.connect_timeout_retries, retry.network_error_retries, retry.server_error_retries) == (3, 3, 2)
    assert BreakerPolicy().half_open_probes == 3
    assert CachePolicy().stale_if_error_seconds == 300


def test_a_cache_is_a_services_unless_told_otherwise():
    off = CachePolicy(enabled=False)
    assert not Policy().cache_or_off.enabled
    assert Policy().for_service().cache_or_off.enabled
    assert not Policy(cache=off).for_service().cache_or_off.enabled


def test_a_service_policy_takes_the_least_of_each_time():
    policy = Policy(total_timeout_seconds=1.0, connect_timeout_seconds=0.1).for_service()
    assert policy.total_timeout_seconds == 1.0
    assert policy.attempt_timeout_seconds == 0.5
    assert policy.connect_timeout_seconds == 0.1
    assert not policy.follow_redirects
    assert Policy().for_service().total_timeout_seconds == 2.0
