"""Doors of split runs, which are kept for ever, and of splits that are only tried out."""

import uuid
from typing import Any, Final

from flask import Response
from sqlalchemy.orm import Session

from marketplace import context, errors
from marketplace.catalogue import cooperatives, counties
from marketplace.catalogue.models import County
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.language import Text
from marketplace.limits import limited
from orders import allocation, bulk, figures, schemas
from orders.allocation import json_form, picture, ration_form, text
from orders.bulk_api import run_to_json
from orders.models import AllocationRun
from orders.refusing import invalid

runs = Blueprint(
    "allocation_runs", __name__, url_prefix="/allocation-runs", description="Split runs 公平分配"
)
simulations = Blueprint(
    "allocation_simulations",
    __name__,
    url_prefix="/allocation-simulations",
    description="Splits tried out 分配试算",
)

SIMULATION_WORK_MAX: Final = 10_000_000
"""packs × Σ caps of a problem with minimum lots or a split limit: some seconds of work."""

MADE_UP: Final = Text(
    en="The roster is made up: no cooperative, household count or lot in it exists.",
    zh="名册为虚构：其中的合作社、户数和库存均不存在。",
)


class NotInRun(errors.NotFound):
    title = Text(en="That cooperative has no share in this run.", zh="该合作社不在此次分配中。")


class SimulationTooLarge(errors.Conflict):
    """Minimum lots and split limits of this size take too long here: use the command line."""

    title = Text(en="This problem is too large to try out here.", zh="该问题过大，请使用命令行。")


@runs.get("/<uuid:run_id>")
@runs.problems(bulk.RunNotFound)
@runs.response(200, schemas.Run)
def get_run(run_id: uuid.UUID) -> dict[str, Any]:
    """A run's inputs, result, digest and certificate 查询分配"""
    with reading() as session:
        run = _run(session, run_id)
        return run_to_json(run, is_demo=_county_of(session, run).is_demo)


@runs.get("/<uuid:run_id>/report")
@runs.problems(bulk.RunNotFound)
@runs.response(200, schemas.Split)
def get_report(run_id: uuid.UUID) -> dict[str, Any]:
    """How fair the run is: Jain, Gini, envy, deviations, who is held back by what 公平性报告"""
    with reading() as session:
        return figures.split_to_json(*bulk.stored(_run(session, run_id)))


@runs.get("/<uuid:run_id>/picture.svg")
@runs.problems(bulk.RunNotFound)
@runs.response(200, content_type="image/svg+xml")
def draw_run(run_id: uuid.UUID) -> Response:
    """The run as a picture: levels before and after, and the line 分配图"""
    with reading() as session:
        run = _run(session, run_id)
        county = _county_of(session, run)
        sellers = cooperatives.of_county(session, county_id=county.id)
        _, result = bulk.stored(run)
        boxes = sum(share.boxes for share in run.shares)
        captions = picture.Captions(
            title_en=f"{county.name_en}: {boxes:,} boxes",
            title_zh=f"{county.name_zh}：{boxes:,} 箱",
            note_en=MADE_UP.en if county.is_demo else "",
            note_zh=MADE_UP.zh if county.is_demo else "",
            names={each.code: (each.name_en, each.name_zh) for each in sellers},
        )
    return Response(picture.draw(result, captions=captions), mimetype="image/svg+xml")


@runs.get("/<uuid:run_id>/explanations/<string:code>")
@runs.problems(bulk.RunNotFound, NotInRun)
@runs.response(200, schemas.Explanation)
def explain_share(run_id: uuid.UUID, code: str) -> dict[str, Any]:
    """Why a cooperative got what it got, with the sum to redo on paper 份额说明"""
    with reading() as session:
        run = _run(session, run_id)
        is_demo = _county_of(session, run).is_demo
        problem, result = bulk.stored(run)
    if code not in {seller.id for seller in problem.sellers}:
        raise NotInRun
    why = allocation.explain(problem, result, code)
    return {
        "cooperative": code,
        "is_demo": is_demo,
        "sentences_en": list(text.render(why, "en")),
        "sentences_zh": list(text.render(why, "zh")),
    }


@simulations.post("")
@simulations.arguments(schemas.SimulateSplit)
@simulations.problems(SimulationTooLarge, errors.TooMany)
@simulations.response(200, schemas.Split)
@limited("60 per minute", per="actor")
def simulate(body: dict[str, Any]) -> dict[str, Any]:
    """Split any problem and prove it; nothing is stored 试算（不写入）"""
    return figures.split_to_json(*_tried(body["problem"]))


@simulations.post("/comparisons")
@simulations.arguments(schemas.ComparePolicies)
@simulations.problems(SimulationTooLarge, errors.TooMany)
@simulations.response(200, schemas.PolicyComparison)
@limited("20 per minute", per="actor")
def compare_policies(body: dict[str, Any]) -> dict[str, Any]:
    """One problem under several policies, side by side; nothing is stored 政策对比（不写入）"""
    tried = [_tried({**body["problem"], "policy": policy}) for policy in body["policies"]]
    return {
        "splits": [figures.split_to_json(problem, result) for problem, result in tried],
        "differences": figures.differences([result for _, result in tried]),
    }


@simulations.post("/rations")
@simulations.arguments(schemas.TryRation)
@simulations.problems(errors.TooMany)
@simulations.response(200, schemas.Rations)
@limited("20 per minute", per="actor")
def try_ration(body: dict[str, Any]) -> dict[str, Any]:
    """What each order would get of too few boxes, policy by policy; nothing is stored 缺货配给试算（不写入）"""
    try:
        return ration_form.rations_to_json(body["ration"])
    except allocation.ProblemRefused as refused:
        raise invalid(refused, at="/ration") from refused


def _tried(document: dict[str, Any]) -> tuple[allocation.Problem, allocation.Allocation]:
    try:
        problem = json_form.problem_from_json(document)
        _check_size(problem)
        return problem, allocation.allocate(problem)
    except allocation.ProblemRefused as refused:
        raise invalid(refused, at="/problem") from refused


def _check_size(problem: allocation.Problem) -> None:
    is_hard = any(seller.min_packs for seller in problem.sellers) or any(
        order.max_sellers is not None for order in problem.orders
    )
    if is_hard:
        caps = sum(seller.cap_packs for seller in problem.sellers)
        packs = sum(order.packs or caps for order in problem.orders)
        if packs * caps > SIMULATION_WORK_MAX:
            raise SimulationTooLarge(work=packs * caps, work_max=SIMULATION_WORK_MAX)


def _run(session: Session, run_id: uuid.UUID) -> AllocationRun:
    return bulk.get_run(session, context.current(), run_id=run_id)


def _county_of(session: Session, run: AllocationRun) -> County:
    return counties.get(session, county_id=bulk.terms_of(session, order_id=run.order_id).county_id)
