namespace Gateway.Machines;

/// <summary>What is logged about the Machines API: never a header, never a body beyond the platform's error text.</summary>
internal static partial class MachinesLog
{
    [LoggerMessage(3001, LogLevel.Debug, "{Call} of {Key} failed with {Status} ({Kind}): {Message} [{RequestId}]", EventName = "MachinesCallFailed")]
    public static partial void CallFailed(ILogger logger, MachinesCall call, string key, int status, MachinesFailureKind kind, string message, string? requestId);

    [LoggerMessage(3002, LogLevel.Warning, "The token is not good enough for {Call} of {Key}: {Status} {Message} [{RequestId}]. Check FLY_API_TOKEN.", EventName = "MachinesTokenRefused")]
    public static partial void TokenRefused(ILogger logger, MachinesCall call, string key, int status, string message, string? requestId);

    [LoggerMessage(3003, LogLevel.Warning, "The Machines API keeps failing and is left alone for {Break}", EventName = "MachinesApiLeftAlone")]
    public static partial void LeftAlone(ILogger logger, TimeSpan @break);

    [LoggerMessage(3004, LogLevel.Information, "The Machines API answers again", EventName = "MachinesApiRecovered")]
    public static partial void Recovered(ILogger logger);

    [LoggerMessage(3005, LogLevel.Debug, "{Call} of {Key} answered [{RequestId}]", EventName = "MachinesCallAnswered")]
    public static partial void CallAnswered(ILogger logger, MachinesCall call, string key, string? requestId);
}
