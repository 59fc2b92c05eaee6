-- Our own: signs of life of steps and pipeline runs, with what they used (docs/reference/telemetry.md, Resources).
CREATE VIEW heartbeats AS
SELECT
    CAST(Timestamp, @utc) AS timestamp,
    LogAttributes['stepsight.witness'] AS witness,
    toFloat64OrNull(LogAttributes['stepsight.heartbeat.interval_s']) AS interval,
    toFloat64OrNull(LogAttributes['process.cpu.time']) AS cpuTime,
    toInt64OrNull(LogAttributes['process.memory.usage']) AS memoryBytes,
    toInt64OrNull(LogAttributes['stepsight.memory.peak']) AS memoryPeakBytes,
    toInt64OrNull(LogAttributes['process.thread.count']) AS threads,
    toInt64OrNull(LogAttributes['process.unix.file_descriptor.count']) AS openFiles,
    toInt64OrNull(LogAttributes['stepsight.process.count']) AS processes,
    toInt64OrNull(LogAttributes['container.memory.working_set']) AS containerMemoryBytes,
    toInt64OrNull(LogAttributes['stepsight.container.memory.limit']) AS containerMemoryLimitBytes,
    toFloat64OrNull(LogAttributes['container.cpu.time']) AS containerCpuTime,
    toFloat64OrNull(LogAttributes['stepsight.container.cpu.limit']) AS containerCpuLimit,
    toInt64OrNull(LogAttributes['system.linux.memory.available']) AS hostMemoryAvailableBytes,
    toInt64OrNull(LogAttributes['system.memory.limit']) AS hostMemoryBytes,
    toInt64OrNull(LogAttributes['system.filesystem.free']) AS diskFreeBytes,
    toInt64OrNull(LogAttributes['system.filesystem.limit']) AS diskBytes,
    if(mapContains(LogAttributes, 'hw.gpu.utilization'), LogAttributes['hw.gpu.utilization'], NULL) AS gpuUtilization,
    if(mapContains(LogAttributes, 'hw.gpu.memory.usage'), LogAttributes['hw.gpu.memory.usage'], NULL) AS gpuMemoryBytes,
    toInt64OrNull(LogAttributes['stepsight.records.sent']) AS recordsSent,
    toInt64OrNull(LogAttributes['stepsight.records.dropped']) AS recordsDropped,
    ResourceAttributes['host.name'] AS host,
    ResourceAttributes['service.instance.id'] AS instance,
    @plain_dimensions(LogAttributes) AS customDimensions,
    RunId AS runId, StepId AS stepId, StepName AS stepName, ExperimentName AS experimentName,
    @run_columns(LogAttributes)
FROM otel_logs
WHERE @is_no_trace AND ItemType IN ('runEvent', 'exception') AND EventName IN ('stepsight.step.heartbeat', 'stepsight.run.heartbeat')
