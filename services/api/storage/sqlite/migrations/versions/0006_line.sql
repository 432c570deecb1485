CREATE TABLE line (
    tenant TEXT NOT NULL,
    requirement TEXT NOT NULL,
    needs TEXT NOT NULL,
    vtime BIGINT NOT NULL,
    place VARCHAR(20) NOT NULL,
    due BIGINT,
    CONSTRAINT line_key PRIMARY KEY (tenant, requirement),
    CONSTRAINT line_place_known CHECK (place IN ('CAPPED', 'LATER', 'WAITING')),
    CONSTRAINT line_later_is_due CHECK (place <> 'LATER' OR due IS NOT NULL)
);

CREATE INDEX line_capped ON line (tenant) WHERE place = 'CAPPED';
CREATE INDEX line_due ON line (due) WHERE place = 'LATER';
CREATE INDEX line_turn ON line (requirement, vtime, tenant) WHERE place = 'WAITING';

CREATE INDEX exports_given_back ON exports (given_back_by) WHERE given_back_by IS NOT NULL;

INSERT INTO line (tenant, requirement, needs, vtime, place, due)
SELECT
    e.tenant, e.requirement, max(e.needs), coalesce(max(t.vtime), 0),
    CASE WHEN max(e.state) = 'QUEUED' THEN 'WAITING' ELSE 'LATER' END, min(e.next_attempt_time)
FROM exports AS e LEFT JOIN tenants AS t ON t.tenant = e.tenant
WHERE e.state IN ('FAILED', 'QUEUED')
GROUP BY e.tenant, e.requirement;
