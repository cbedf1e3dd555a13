"""Doors of workers, and of what their work brought."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace import context, paging, versions
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.counties import CountyNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.problems import VersionDiffers, VersionMissing
from orders.work import schemas, summing, workers
from orders.work.models import Worker
from orders.work.workers import WorkerNotFound

of_cooperatives = Blueprint(
    "cooperative_workers",
    __name__,
    url_prefix="/cooperatives",
    description="A cooperative's workers 合作社工人",
)
blueprint = Blueprint("workers", __name__, url_prefix="/workers", description="Workers 工人")
of_counties = Blueprint(
    "county_work", __name__, url_prefix="/counties", description="A county's rural jobs 全县用工"
)


@of_cooperatives.get("/<uuid:cooperative_id>/workers")
@of_cooperatives.arguments(schemas.WorkersQuery, location="query")
@of_cooperatives.problems(CooperativeNotFound)
@of_cooperatives.response(200, schemas.WorkerPage)
def list_workers(query: dict[str, Any], cooperative_id: uuid.UUID) -> dict[str, Any]:
    """A cooperative's workers; names for its members alone 工人列表"""
    ctx = context.current()
    with reading() as session:
        those = workers.of_cooperative(session, ctx, cooperative_id=cooperative_id)
        page = paging.read(session, paging.only(those, query, Worker.village), Worker.id, **query)
        return {**page, "items": [workers.shown(ctx, each) for each in page["items"]]}


@of_cooperatives.post("/<uuid:cooperative_id>/workers")
@of_cooperatives.arguments(schemas.AddWorker)
@of_cooperatives.problems(CooperativeNotFound)
@of_cooperatives.writes(201, schemas.KeptWorker, location=lambda made: f"/v1/workers/{made.id}")
def add_worker(session: Session, body: dict[str, Any], cooperative_id: uuid.UUID) -> Worker:
    """Add a worker; the name is stored encrypted (members) 新增工人（姓名加密保存）"""
    return workers.add(session, context.current(), cooperative_id=cooperative_id, **body)


@of_cooperatives.get("/<uuid:cooperative_id>/work-summary")
@of_cooperatives.arguments(schemas.SummaryQuery, location="query")
@of_cooperatives.problems(CooperativeNotFound)
@of_cooperatives.response(200, schemas.WorkSummary)
def sum_up(query: dict[str, Any], cooperative_id: uuid.UUID) -> dict[str, Any]:
    """Workers, shifts, hours, boxes and income by village, from signed sheets 合作社用工统计"""
    with reading() as session:
        return {
            "items": summing.of_cooperative(
                session, context.current(), cooperative_id=cooperative_id, **query
            )
        }


@of_counties.get("/<uuid:county_id>/work-summary")
@of_counties.arguments(schemas.SummaryQuery, location="query")
@of_counties.problems(CountyNotFound)
@of_counties.response(200, schemas.WorkSummary)
def sum_up_county(query: dict[str, Any], county_id: uuid.UUID) -> dict[str, Any]:
    """The same over a county, of months that are over; for staff also of the present one 全县用工统计"""
    with reading() as session:
        return {"items": summing.of_county(session, context.current(), county_id=county_id, **query)}


@blueprint.get("/<uuid:worker_id>")
@blueprint.problems(WorkerNotFound)
@blueprint.response(200, schemas.Worker)
def get_worker(worker_id: uuid.UUID) -> dict[str, Any]:
    """One worker 查询工人"""
    ctx = context.current()
    with reading() as session:
        found = workers.shown(ctx, workers.get(session, ctx, worker_id=worker_id))
    versions.tag(found["version"])
    return found


@blueprint.patch("/<uuid:worker_id>")
@blueprint.doc(parameters=[versions.IF_MATCH])
@blueprint.arguments(schemas.EditWorker)
@blueprint.problems(WorkerNotFound, VersionMissing, VersionDiffers)
@blueprint.writes(200, schemas.KeptWorker, key=False)
def edit_worker(session: Session, body: dict[str, Any], worker_id: uuid.UUID) -> Worker:
    """Edit what is named; the rest stays (members) 修改工人"""
    ctx = context.current()
    worker = workers.locked(session, ctx, worker_id=worker_id)
    versions.check(worker.version)
    return workers.edit(session, ctx, worker, **body)
