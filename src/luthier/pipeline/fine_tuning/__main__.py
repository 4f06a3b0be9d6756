"""`python -m luthier.pipeline.fine_tuning JOB ATTEMPT` is the process that a worker starts for each claimed job."""

from __future__ import annotations

import logging
import sys


def main(arguments: list[str]) -> int:
    """0 when the job has heard how this attempt went, whatever that is; any other end is a death to its worker."""
    from luthier.jobs.hold import Hold
    from luthier.pipeline.fine_tuning.attempt import DATABASE_PATIENCE_SECONDS, work_on_job
    from luthier.pipeline.home import open_home

    job_id, attempt = arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    home = open_home()
    hold = Hold(home.database, job_id, int(attempt), patience_seconds=DATABASE_PATIENCE_SECONDS)
    work_on_job(home, hold)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
