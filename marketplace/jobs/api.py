"""Doors of the job queue: staff look, operators retry what is dead."""

from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, after_this_request, request
from sqlalchemy.orm import Session

from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.jobs import queue, schemas
from marketplace.jobs.models import StoredJob

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs", description="Background jobs 后台任务")
blueprints: Final = (blueprint,)


@blueprint.get("")
@blueprint.arguments(schemas.JobQuery, location="query")
@blueprint.response(200, schemas.JobPage)
def list_jobs(query: dict[str, Any]) -> dict[str, Any]:
    """Jobs, the newest first 任务列表"""
    with reading() as session:
        items, following = queue.read_page(session, **query)
    if following is not None:
        _link_next(following)
    return {"items": items, "next_cursor": following}


@blueprint.get("/<int:job_id>")
@blueprint.problems(queue.JobNotFound)
@blueprint.response(200, schemas.JobShown)
def get_job(job_id: int) -> StoredJob:
    """One job 查询任务"""
    with reading() as session:
        return queue.get(session, job_id=job_id)


@blueprint.post("/<int:job_id>/retry")
@blueprint.problems(queue.JobNotFound, queue.JobNotDead)
@blueprint.writes(200, schemas.JobShown, key=False)
def retry(session: Session, job_id: int) -> StoredJob:
    """Let a dead job begin anew 重试任务"""
    return queue.retry(session, context.current(), job_id=job_id)


def _link_next(cursor: int) -> None:
    address = f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': str(cursor)})}"

    @after_this_request
    def add(response: Response) -> Response:
        response.headers["Link"] = f'<{address}>; rel="next"'
        return response
