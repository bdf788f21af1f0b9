"""Every operation of both OpenAPI documents, asked with what the document allows and with what it forbids.

What must hold of every answer: no 5xx, a documented status and content type, a body of the documented schema; what the
document forbids is refused. The rest is in schemathesis.toml beside this file.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.contract import FUZZED, SCOPES, port_of, token
from fixtures.pairs import ServicePair
from fixtures.sizes import STATED

HERE = Path(__file__).parent
DOCUMENTS = HERE.parents[1] / "docs" / "reference" / "openapi"
EXAMPLES = 250 if STATED else 4


@pytest.mark.long
@pytest.mark.timeout(1800 if STATED else 180)
@pytest.mark.parametrize("service", ["inventory", "sales"])
def test_every_answer_is_one_that_the_document_describes(services: ServicePair, service: str, tmp_path: Path):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [str(DOCUMENTS / f"{service}.json"), "--max-examples", str(EXAMPLES), "--no-color"]
    command += ["--phases", "examples,coverage,fuzzing,stateful" if STATED else "examples,coverage,fuzzing"]
    known = {
        "BASE_URL": f"http://127.0.0.1:{port_of(services, service)}",
        "TOKEN": token(services, FUZZED, scopes=SCOPES),
        "TENANT": FUZZED,
        "PYTHONPATH": str(HERE.parent),
        "SCHEMATHESIS_HOOKS": "fixtures.ndjson_bodies",
    }
    # In a folder of its own: it leaves its cache where it runs.
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **known}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr + services.log(service)
    asked = re.search(r"(\d+) generated", done.stdout)
    assert asked is not None, done.stdout
    assert int(asked[1]) > 500, done.stdout
