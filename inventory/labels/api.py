"""Doors of label credit, its changes, batches of labels, labels and their scans."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory import lots
from inventory.labels import (
    accounts,
    carrying,
    changes,
    designs,
    land,
    printing,
    provisional,
    scanning,
    schemas,
    serials,
)
from inventory.labels.models import LabelAccount, LabelBatch, LabelChange, LabelLine, LabelSerial
from inventory.labels.scan_models import LabelScan
from inventory.labels.scan_rules import Place
from inventory.labels.scanning import Verdict
from marketplace import context, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.products import PackNotFound
from marketplace.database import reading
from marketplace.door import Blueprint

credit = Blueprint(
    "label_credits", __name__, url_prefix="/label-credits", description="Label credit 标签额度"
)
two_people = Blueprint(
    "label_changes", __name__, url_prefix="/label-changes", description="Changes by two people 额度变更"
)
batches = Blueprint(
    "label_batches", __name__, url_prefix="/label-batches", description="Printed labels 标签批次"
)
labels = Blueprint("labels", __name__, url_prefix="/labels", description="Labels 标签")
on_lots = Blueprint("lot_labels", __name__, url_prefix="/lots", description="Labels of lots 批次贴标")
scans = Blueprint("label_scans", __name__, url_prefix="/label-scans", description="Scans 扫码验真")


@credit.get("")
@credit.arguments(schemas.AccountQuery, location="query")
@credit.response(200, schemas.LabelAccountPage)
def list_credits(query: dict[str, Any]) -> dict[str, Any]:
    """Label credit by cooperative, area and harvest year: a member's own, all for staff 标签额度列表"""
    every = accounts.visible(context.current().actor)
    of = (LabelAccount.cooperative_id, LabelAccount.area_id, LabelAccount.season)
    with reading() as session:
        return paging.read(session, paging.only(every, query, *of), LabelAccount.id, **query)


@credit.post("/provisional")
@credit.arguments(schemas.GrantProvisional)
@credit.problems(
    CooperativeNotFound,
    land.LabelAreaNotFound,
    land.LabelSeasonNotFound,
    provisional.ProvisionalGranted,
    provisional.NothingProvisional,
)
@credit.writes(201, schemas.LabelAccount, location=lambda account: f"/v1/label-credits/{account.id}")
def grant(session: Session, body: dict[str, Any]) -> LabelAccount:
    """Let a part of the forecast be labelled before the weighing (operators) 发放临时额度"""
    return provisional.grant(session, context.current(), **body)


@credit.get("/<uuid:account_id>")
@credit.problems(accounts.LabelAccountNotFound)
@credit.response(200, schemas.LabelAccount)
def get_credit(account_id: uuid.UUID) -> LabelAccount:
    """What a cooperative may still label 查询标签额度"""
    with reading() as session:
        return accounts.get(session, context.current(), account_id=account_id)


@credit.get("/<uuid:account_id>/lines")
@credit.arguments(paging.Query, location="query")
@credit.problems(accounts.LabelAccountNotFound)
@credit.response(200, schemas.LabelLinePage)
def list_lines(query: dict[str, Any], account_id: uuid.UUID) -> dict[str, Any]:
    """The ledger of a label credit 标签额度流水"""
    with reading() as session:
        accounts.get(session, context.current(), account_id=account_id)
        return paging.read(session, accounts.lines(account_id), LabelLine.id, **query)


@credit.get("/<uuid:account_id>/labels")
@credit.problems(accounts.LabelAccountNotFound)
@credit.response(200, schemas.LabelsBorneOfAll)
def get_borne(account_id: uuid.UUID) -> dict[str, Any]:
    """How many labels of each pack can still be printed 尚可打印标签数"""
    with reading() as session:
        return {"items": printing.bearing(session, context.current(), account_id=account_id)}


@credit.post("/<uuid:account_id>/provisional/end")
@credit.problems(accounts.LabelAccountNotFound, provisional.NothingProvisional)
@credit.writes(200, schemas.LabelAccount)
def end_provisional(session: Session, account_id: uuid.UUID) -> LabelAccount:
    """The harvest is in: take back what no real credit has replaced (operators) 结束临时额度"""
    return provisional.end(session, context.current(), account_id=account_id)


@credit.post("/<uuid:account_id>/adjustments")
@credit.arguments(schemas.AdjustLabelCredit)
@credit.problems(accounts.LabelAccountNotFound)
@credit.writes(201, schemas.LabelChange, location=lambda change: f"/v1/label-changes/{change.id}")
def propose_adjustment(session: Session, body: dict[str, Any], account_id: uuid.UUID) -> LabelChange:
    """Propose to set a credit right; somebody else approves (operators) 提出额度调整"""
    return changes.propose_adjustment(session, context.current(), account_id=account_id, **body)


@credit.post("/<uuid:account_id>/transfers")
@credit.arguments(schemas.HandOverLabelCredit)
@credit.problems(accounts.LabelAccountNotFound, changes.FruitNotEligible)
@credit.writes(201, schemas.LabelChange, location=lambda change: f"/v1/label-changes/{change.id}")
def propose_transfer(session: Session, body: dict[str, Any], account_id: uuid.UUID) -> LabelChange:
    """Propose that credit follows fruit to another cooperative; an operator approves 提出额度转移"""
    return changes.propose_transfer(session, context.current(), account_id=account_id, **body)


@two_people.get("")
@two_people.arguments(schemas.ChangeQuery, location="query")
@two_people.response(200, schemas.LabelChangePage)
def list_changes(query: dict[str, Any]) -> dict[str, Any]:
    """Changes that were proposed, and what became of them 额度变更列表"""
    every = changes.visible(context.current().actor)
    statement = paging.only(every, query, LabelChange.account_id, LabelChange.state)
    with reading() as session:
        return paging.read(session, statement, LabelChange.id, **query)


@two_people.get("/<uuid:change_id>")
@two_people.problems(changes.LabelChangeNotFound)
@two_people.response(200, schemas.LabelChange)
def get_change(change_id: uuid.UUID) -> LabelChange:
    """One change 查询额度变更"""
    with reading() as session:
        return changes.get(session, context.current(), change_id=change_id)


@two_people.post("/<uuid:change_id>/approval")
@two_people.problems(
    changes.LabelChangeNotFound,
    changes.LabelChangeAnswered,
    changes.SecondPersonNeeded,
    changes.FruitNotEligible,
    accounts.LabelCreditShort,
    lots.LotNotFound,
)
@two_people.writes(200, schemas.LabelChange)
def approve(session: Session, change_id: uuid.UUID) -> LabelChange:
    """Approve what somebody else proposed (operators) 批准额度变更"""
    return changes.approve(session, context.current(), change_id=change_id)


@two_people.post("/<uuid:change_id>/rejection")
@two_people.problems(changes.LabelChangeNotFound, changes.LabelChangeAnswered)
@two_people.writes(200, schemas.LabelChange)
def reject(session: Session, change_id: uuid.UUID) -> LabelChange:
    """Reject a change (operators) 驳回额度变更"""
    return changes.reject(session, context.current(), change_id=change_id)


@batches.get("")
@batches.arguments(schemas.BatchQuery, location="query")
@batches.response(200, schemas.LabelBatchPage)
def list_batches(query: dict[str, Any]) -> dict[str, Any]:
    """Batches of labels: a member's own, all for staff 标签批次列表"""
    every = printing.visible(context.current().actor)
    statement = paging.only(every, query, LabelBatch.account_id, LabelBatch.cooperative_id)
    with reading() as session:
        return paging.read(session, statement, LabelBatch.id, **query)


@batches.post("")
@batches.arguments(schemas.PrintLabels)
@batches.problems(
    accounts.LabelAccountNotFound,
    PackNotFound,
    printing.PackWithoutGtin,
    printing.GradeNotLabelled,
    designs.LabelDesignNotFound,
    accounts.LabelCreditShort,
)
@batches.writes(201, schemas.LabelBatch, location=lambda batch: f"/v1/label-batches/{batch.id}")
def print_batch(session: Session, body: dict[str, Any]) -> LabelBatch:
    """Print labels against credit; refused with how many it still bears 打印标签"""
    return printing.print_batch(session, context.current(), **body)


@batches.get("/<uuid:batch_id>")
@batches.problems(printing.LabelBatchNotFound)
@batches.response(200, schemas.LabelBatch)
def get_batch(batch_id: uuid.UUID) -> LabelBatch:
    """One batch of labels 查询标签批次"""
    with reading() as session:
        return printing.get(session, context.current(), batch_id=batch_id)


@batches.get("/<uuid:batch_id>/labels")
@batches.arguments(paging.Query, location="query")
@batches.problems(printing.LabelBatchNotFound)
@batches.response(200, schemas.LabelPage)
def list_labels(query: dict[str, Any], batch_id: uuid.UUID) -> dict[str, Any]:
    """The labels of a batch and what became of each 批次内标签"""
    with reading() as session:
        printing.get(session, context.current(), batch_id=batch_id)
        return paging.read(session, printing.labels_of(batch_id), LabelSerial.id, **query)


@batches.post("/<uuid:batch_id>/issue")
@batches.problems(printing.LabelBatchNotFound, printing.LabelBatchIssued)
@batches.writes(200, schemas.LabelBatch)
def issue(session: Session, batch_id: uuid.UUID) -> LabelBatch:
    """Hand a batch out to its cooperative (operators) 发放标签"""
    return printing.issue(session, context.current(), batch_id=batch_id)


@labels.get("/<string:serial>")
@labels.problems(serials.LabelNotFound)
@labels.response(200, schemas.Label)
def get_label(serial: str) -> LabelSerial:
    """One label by its serial, for its cooperative and staff 查询标签"""
    with reading() as session:
        return serials.get(session, context.current(), serial=serial)


@labels.get("/<string:serial>/scans")
@labels.arguments(paging.Query, location="query")
@labels.problems(serials.LabelNotFound)
@labels.response(200, schemas.LabelScanPage)
def list_scans(query: dict[str, Any], serial: str) -> dict[str, Any]:
    """Where and when a label was scanned, coarsely (staff) 标签扫码记录"""
    with reading() as session:
        label = serials.get(session, context.current(), serial=serial)
        return paging.read(session, scanning.scans_of(label.id), LabelScan.id, **query)


@labels.post("/void")
@labels.arguments(schemas.VoidLabels)
@labels.problems(serials.LabelsUnknown, serials.LabelStateForbids, lots.LotNotFound)
@labels.writes(200, schemas.Labels)
def void(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Void labels; an operator's proof of destruction gives credit back 作废标签"""
    return {"items": serials.void(session, context.current(), **body)}


@labels.post("/flag")
@labels.arguments(schemas.FlagLabels)
@labels.problems(serials.LabelsUnknown, serials.LabelStateForbids)
@labels.writes(200, schemas.Labels)
def flag(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Flag labels about which something is not right (operators) 标记可疑标签"""
    return {"items": serials.flag(session, context.current(), **body)}


@labels.post("/retire")
@labels.arguments(schemas.RetireLabels)
@labels.problems(serials.LabelsUnknown, serials.LabelStateForbids)
@labels.writes(200, schemas.Labels)
def retire(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Retire labels whose boxes are used up, or were found to be in order (operators) 停用标签"""
    return {"items": serials.retire(session, context.current(), **body)}


@on_lots.get("/<uuid:lot_id>/label-credit")
@on_lots.problems(lots.LotNotFound)
@on_lots.response(200, schemas.LotCredits)
def get_lot_credit(lot_id: uuid.UUID) -> dict[str, Any]:
    """What of a lot's fruit may bear a label 批次可贴标数量"""
    with reading() as session:
        lots.get(session, context.current(), lot_id=lot_id)
        return {"items": carrying.of_lot(session, lot_id)}


@on_lots.post("/<uuid:lot_id>/labels")
@on_lots.arguments(schemas.BindLabels)
@on_lots.problems(
    lots.LotNotFound,
    lots.LotStatusForbids,
    serials.LabelsUnknown,
    serials.LabelStateForbids,
    serials.LabelDoesNotFit,
    serials.LotNotEligible,
)
@on_lots.writes(200, schemas.Labels)
def bind(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> dict[str, Any]:
    """Put labels on boxes of a lot; safe to send again 贴标绑定"""
    return {"items": serials.bind(session, context.current(), lot_id=lot_id, **body)}


@on_lots.post("/<uuid:lot_id>/label-credit/admission")
@on_lots.arguments(schemas.AdmitLot)
@on_lots.problems(lots.LotNotFound, serials.NotSuspended)
@on_lots.writes(200, schemas.LotCredits)
def admit(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> dict[str, Any]:
    """Let a lot earn whose grading did not add up, when it is known why (operators) 恢复批次标签额度"""
    serials.admit(session, context.current(), lot_id=lot_id, **body)
    return {"items": carrying.of_lot(session, lot_id)}


@scans.post("")
@scans.arguments(schemas.ScanLabel)
@scans.writes(200, schemas.LabelVerdict, key=False)
def scan(session: Session, body: dict[str, Any]) -> Verdict:
    """Check a label, and tell us where: a city or tenths of a degree, nobody's name 扫码验真"""
    place = Place(**{name: body.pop(name) for name in ("city", "north_tenths", "east_tenths")})
    return scanning.scanned(session, context.current(), place=place, **body)


blueprints = (credit, two_people, batches, labels, on_lots, scans)
