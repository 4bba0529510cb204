"""Parallel work: in processes of this machine, or on the workers of a Dask or Ray cluster."""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from translate.errors import UserError

CHOICES = "processes, dask (workers on this machine), dask://HOST:PORT (a running scheduler), ray"
PATIENCE = 10                                                       # seconds to wait for a scheduler and its workers


def work(
    function: Callable, arguments: Sequence[tuple], jobs: int = -1, cluster: str = "processes"
) -> Iterator[Any]:
    """Yield `function(*row)` for the rows of `arguments`, in the order in which they finish.

    Args:
        function, arguments: picklable objects that processes of other machines can import.
        jobs: number of processes; -1 uses every core. A running Dask cluster uses all its workers.
        cluster: one of `CHOICES`.

    Raises:
        UserError: an unknown cluster, a package that it needs is missing, no scheduler or worker answers, or workers
            die.
    """
    if cluster == "processes":
        yield from _parallel("generator_unordered", function, arguments, jobs)
    elif cluster == "ray":
        from joblib import parallel_config

        register = _import_ray()
        register()
        with parallel_config(backend="ray"):                        # returns all results at the end
            yield from _parallel("list", function, arguments, jobs)
    else:
        with _connect(cluster, jobs) as client:
            yield from _submit(client, function, arguments)


def _parallel(order: str, function: Callable, arguments: Sequence[tuple], jobs: int) -> Iterator[Any]:
    from joblib import Parallel, delayed

    yield from Parallel(n_jobs=jobs, return_as=order, batch_size=1)(delayed(function)(*row) for row in arguments)


def _submit(client: Any, function: Callable, arguments: Sequence[tuple]) -> Iterator[Any]:
    """Submit to Dask without joblib, whose Dask back end waits forever when a worker dies."""
    from concurrent.futures import CancelledError

    from dask.distributed import KilledWorker, as_completed

    futures = client.map(function, *zip(*arguments, strict=True), pure=False)
    try:
        for future in as_completed(futures):
            yield future.result()
            future.release()
    except (KilledWorker, CancelledError) as error:
        raise UserError(
            f"the cluster lost its workers or its scheduler ({type(error).__name__}); do they have enough memory? The "
            "same command goes on where it was"
        ) from None


@contextmanager
def _connect(cluster: str, jobs: int) -> Iterator[Any]:
    """Yield a client of the Dask scheduler named in `cluster`, or of a local cluster started here."""
    found = re.fullmatch(r"dask(?:://([^:/\s]+|\[[\da-fA-F:]+\]):(\d{1,5}))?", cluster)
    if not found:
        raise UserError(f"--cluster {cluster}: unknown; expected {CHOICES}")
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        how = "bash tools/setup.sh cluster, or pip install -e '.[cluster]', in the repository"
        raise UserError(f"--cluster {cluster} needs dask: {how}") from None
    logging.getLogger("distributed").setLevel(logging.ERROR)        # it logs every connection
    if found[1] is None:
        options = {"n_workers": None if jobs < 0 else jobs, "threads_per_worker": 1, "silence_logs": logging.ERROR}
        with LocalCluster(**options, dashboard_address=None) as here, Client(here) as client:
            yield client
        return
    try:
        client = Client(f"tcp://{found[1]}:{found[2]}", timeout=PATIENCE)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"--cluster {cluster}: no Dask scheduler answers ({reason}); start one with `dask scheduler`, and workers "
            f"with `dask worker HOST:PORT --nthreads 1`"
        ) from None
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise UserError(f"--cluster {cluster}: the scheduler has no workers; start some with `dask worker`")
        yield client


def _import_ray() -> Callable[[], None]:
    try:
        from ray.util.joblib import register_ray
    except ImportError:
        raise UserError("--cluster ray needs Ray: pip install ray") from None
    return register_ray
