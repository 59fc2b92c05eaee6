CREATE MATERIALIZED VIEW run_tags_mv TO run_tags AS
SELECT ProjectId, RunId, StepId, LogAttributes['stepsight.tag.key'] AS Key, LogAttributes['stepsight.tag.value'] AS Value, Timestamp
FROM flat_events WHERE EventName = 'stepsight.run.tag'
