"""A small siege at every run of the tests; `make siege` lays the long one."""

from pathlib import Path

import pytest

from tests.fixtures.browser import serving
from tests.fixtures.served import small_vocabulary
from tests.siege.siege import ADDRESSES, lay

pytest.importorskip("schemathesis", reason="no schemathesis")
PHASES = "examples,coverage,fuzzing,stateful"


def test_no_request_made_from_the_openapi_document_breaks_the_service(tmp_path: Path) -> None:
    small_vocabulary(tmp_path / "data")
    with serving(tmp_path / "data") as address:
        found = lay(address, tmp_path, examples=2, seed=1, phases=PHASES)
    assert found.server_errors == 0
    assert found.passed, found.said
    assert found.cases > 10 * ADDRESSES  # the siege itself was laid
