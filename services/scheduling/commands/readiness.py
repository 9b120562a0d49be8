"""Readiness of OPD and units: weights by version, and assessments by them."""

from services.scheduling.domain.readiness import AssessmentIn, Weights, recommended_share, score
from services.scheduling.store import readiness as store
from services.scheduling.store.directory import known
from services.scheduling.store.readiness import Assessed
from services.scheduling.views.readiness import Assessment, StoredWeights
from shared import audit
from shared.access import Principal, employee_of, own_opd
from shared.clock import Clock
from shared.database import Database
from shared.refusals import FieldError, Invalid


async def set_weights(db: Database, clock: Clock, who: Principal, weights: Weights) -> StoredWeights:
    """A new version of the weights, for assessments from now on."""
    now, body = clock.now(), weights.model_dump()
    async with db.transaction() as tx:
        version = await store.add_weights(tx, body, now, str(employee_of(who)))
        await audit.add(tx, now, who, "readiness.weights", subject=version, reason=None, detail={"weights": body})
    return StoredWeights(version=version, **body)


async def assess(db: Database, clock: Clock, who: Principal, given: AssessmentIn) -> Assessment:
    """Store an assessment by the weights in use. Raises Invalid for an unknown OPD or unit."""
    async with db.transaction() as tx:
        directory = await known(tx)
        of_opd = given.subject_kind == "opd"
        opd_code = given.subject_id if of_opd else directory.unit_opd.get(given.subject_id)
        if opd_code not in directory.opds:
            code = "scope.unknown_opd" if of_opd else "scope.unknown_unit"
            raise Invalid("validation", errors=[FieldError("subject_id", code, {"id": given.subject_id})])
        own_opd(who, [opd_code])
        now, officer = clock.now(), str(employee_of(who))
        newest = await store.weights(tx)
        if newest is None:
            defaults = Weights().model_dump()
            newest = await store.add_weights(tx, defaults, now, officer), defaults
        version, body = newest
        weights = Weights.model_validate(body)
        assessment = Assessment(
            **given.model_dump(),
            weights_version=version,
            score=score(given, weights),
            recommended_share=recommended_share(given, weights),
        )
        assessed = Assessed(
            given.subject_kind,
            given.subject_id,
            given.assessed_on,
            version,
            given.model_dump_json(exclude={"subject_kind", "subject_id", "assessed_on"}),
            assessment.score,
            assessment.recommended_share,
        )
        await store.add(tx, assessed, now, officer)
        await audit.add(
            tx,
            now,
            who,
            "readiness.assessed",
            subject=given.subject_id,
            reason=None,
            detail={
                "assessment": given.model_dump(mode="json"),
                "recommended_share": assessment.recommended_share,
            },
        )
        return assessment
