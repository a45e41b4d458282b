namespace Gateway.Waking;

/// <summary>What a wake came to, where its time went, and what is written of it in the log.</summary>
internal sealed partial class WakeInFlight
{
    private WakeOutcome.Awake Awake(string address, long boot)
    {
        Progress.Reach(WakeStep.Ready);
        var timing = Timing();
        if (_kind is { } kind)
        {
            _times.Learn(kind, timing);
        }

        return new WakeOutcome.Awake(address, boot, timing, Led: true);
    }

    private WakeTiming Timing()
    {
        var begun = Progress.At(WakeStep.Starting) ?? Progress.At(WakeStep.Checking) ?? Progress.Elapsed;
        var waited = Progress.At(WakeStep.Waiting);
        return new WakeTiming(
            waited ?? begun,
            waited is { } since && begun > since ? begun - since : TimeSpan.Zero,
            Progress.Between(WakeStep.Starting, WakeStep.Booting),
            Progress.Between(WakeStep.Booting, WakeStep.Checking),
            Progress.Between(WakeStep.Checking, WakeStep.Ready),
            Progress.Elapsed);
    }

    private static WakeOutcome.Refused Refuse(WakeRefusal reason) => new(reason, WakeRefusals.DetailOf(reason), OnePoll * 2);

    private static partial class Log
    {
        [LoggerMessage(4001, LogLevel.Information, "Machine {Machine} is awake in boot {Boot}, for {Cause}, after {Seconds:0.000} s", EventName = "MachineWoken")]
        public static partial void MachineWoken(ILogger logger, string machine, long boot, WakeCause cause, double seconds);

        [LoggerMessage(4002, LogLevel.Warning, "Machine {Machine} could not be woken: {Reason}, {Times} in a row", EventName = "WakeFailed")]
        public static partial void WakeFailed(ILogger logger, string machine, WakeRefusal reason, int times);

        [LoggerMessage(4003, LogLevel.Information, "The wake of machine {Machine} is taken over from {Owner}, whose lease is over", EventName = "WakeTakenOver")]
        public static partial void WakeTakenOver(ILogger logger, string machine, string owner);

        [LoggerMessage(4004, LogLevel.Warning, "The session map does not answer: machine {Machine} is woken by this replica alone", EventName = "WakingAlone")]
        public static partial void WakingAlone(ILogger logger, string machine);

        [LoggerMessage(4005, LogLevel.Error, "The wake of machine {Machine} broke", EventName = "WakeBroke")]
        public static partial void WakeBroke(ILogger logger, Exception exception, string machine);

        [LoggerMessage(4007, LogLevel.Warning, "Machine {Machine} runs and gave no good answer in the time it had: it is ended and started anew", EventName = "HungMachineEnded")]
        public static partial void HungMachineEnded(ILogger logger, string machine);

        [LoggerMessage(4008, LogLevel.Warning, "Machine {Machine} was resumed in boot {Boot} and gave no good answer: it is ended and started cold", EventName = "ResumeGivenUp")]
        public static partial void ResumeGivenUp(ILogger logger, string machine, long boot);

        [LoggerMessage(4006, LogLevel.Warning, "Machine {Machine} is started but could not be reached from here in boot {Boot}", EventName = "MachineUnreachable")]
        public static partial void MachineUnreachable(ILogger logger, string machine, long boot);
    }
}
