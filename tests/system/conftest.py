"""One simulator serves all system tests; every test has a terminal of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tilld_testkit.antomsim_process import Simulator, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def _one_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("antom")) as simulator:
        yield simulator


@pytest.fixture
def simulator(_one_simulator: Simulator) -> Iterator[Simulator]:
    """Antom, without faults before and after."""
    _one_simulator.control_by_socket("PUT", "/_sim/faults", [])
    yield _one_simulator
    _one_simulator.control_by_socket("PUT", "/_sim/faults", [])
