namespace Gateway.Identity;

/// <summary>
/// Who did what to whom, why, and from where: one structured event for each sign-in, refusal, token and operator's action. Never a token, a cookie, a path
/// or a query.
/// </summary>
internal sealed partial class Audit(ILogger<Audit> logger)
{
    public void SignedIn(HttpContext context, UserId actor) => Log.SignedIn(logger, actor.Value, Source(context));

    public void SignInFailed(HttpContext context, string reason, string failure) => Log.SignInFailed(logger, reason, failure, Source(context));

    public void SignedOut(HttpContext context, string actor) => Log.SignedOut(logger, actor, Source(context));

    public void LoggedOutByProvider(HttpContext context, int signIns) => Log.LoggedOutByProvider(logger, signIns, Source(context));

    /// <summary>Asked about the user again, the provider did not vouch for them any more: by no request, and so from nowhere.</summary>
    public void EndedByProvider(UserId actor, string reason) => Log.EndedByProvider(logger, actor.Value, reason);

    /// <summary>Strangers are not worth an event each: whoever sends nothing is answered in the metrics alone.</summary>
    public void Refused(HttpContext context, string actor, string reason) => Log.Refused(logger, actor, reason, Source(context));

    public void TokenMade(HttpContext context, UserId actor, string label) => Log.TokenMade(logger, actor.Value, label, Source(context));

    public void TokenRevoked(HttpContext context, UserId actor, string label) => Log.TokenRevoked(logger, actor.Value, label, Source(context));

    public void DeviceDecided(HttpContext context, UserId actor, string decision, string target) => Log.DeviceDecided(logger, actor.Value, decision, target, Source(context));

    public void DeviceSignedIn(HttpContext context, string actor) => Log.DeviceSignedIn(logger, actor, Source(context));

    public void Operated(HttpContext context, string actor, string action, string target, int status, string? reason) =>
        Log.Operated(logger, actor, action, target, status, reason ?? "-", Source(context));

    private static string Source(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "unknown";

    private static partial class Log
    {
        [LoggerMessage(1101, LogLevel.Information, "{Actor} signed in from {Source}", EventName = "AuditSignedIn")]
        public static partial void SignedIn(ILogger logger, string actor, string source);

        [LoggerMessage(1102, LogLevel.Information, "A sign-in from {Source} was refused: {Reason} ({Failure})", EventName = "AuditSignInRefused")]
        public static partial void SignInFailed(ILogger logger, string reason, string failure, string source);

        [LoggerMessage(1103, LogLevel.Information, "{Actor} signed out from {Source}", EventName = "AuditSignedOut")]
        public static partial void SignedOut(ILogger logger, string actor, string source);

        [LoggerMessage(1104, LogLevel.Information, "The identity provider at {Source} ended {Count} sign-ins", EventName = "AuditLoggedOutByProvider")]
        public static partial void LoggedOutByProvider(ILogger logger, int count, string source);

        [LoggerMessage(1106, LogLevel.Information, "A sign-in of {Actor} was ended: the identity provider does not vouch for it any more ({Reason})", EventName = "AuditEndedByProvider")]
        public static partial void EndedByProvider(ILogger logger, string actor, string reason);

        [LoggerMessage(1105, LogLevel.Information, "{Actor} from {Source} was refused: {Reason}", EventName = "AuditRefused")]
        public static partial void Refused(ILogger logger, string actor, string reason, string source);

        [LoggerMessage(1110, LogLevel.Information, "{Actor} made the access token {Target} from {Source}", EventName = "AuditTokenMade")]
        public static partial void TokenMade(ILogger logger, string actor, string target, string source);

        [LoggerMessage(1111, LogLevel.Information, "{Actor} revoked the access token {Target} from {Source}", EventName = "AuditTokenRevoked")]
        public static partial void TokenRevoked(ILogger logger, string actor, string target, string source);

        [LoggerMessage(1112, LogLevel.Information, "{Actor} from {Source} decided on the device {Target}: {Decision}", EventName = "AuditDeviceDecided")]
        public static partial void DeviceDecided(ILogger logger, string actor, string decision, string target, string source);

        [LoggerMessage(1113, LogLevel.Information, "A device at {Source} was given an access token of {Actor}", EventName = "AuditDeviceSignedIn")]
        public static partial void DeviceSignedIn(ILogger logger, string actor, string source);

        [LoggerMessage(1120, LogLevel.Information, "Operator {Actor} from {Source}: {Action} on {Target} was answered {Status} ({Reason})", EventName = "AuditOperated")]
        public static partial void Operated(ILogger logger, string actor, string action, string target, int status, string reason, string source);
    }
}
