using Gateway.Provisioning;
using Gateway.Proxying;
using Gateway.Waking;

namespace Gateway;

/// <summary>What a request's path can come to, turned into HTTP: the one place where outcomes get a status.</summary>
internal static class Outcomes
{
    public static Refusal Of(WakeOutcome.Refused refused) => refused.Reason switch
    {
        WakeRefusal.TooManyHeld => Unavailable("too-many-held", "Too many requests wait for this workspace", refused.Detail, "waking", refused.RetryAfter),
        WakeRefusal.HoldLimit => Unavailable("still-waking", "Your workspace is still waking up", refused.Detail, "waking", refused.RetryAfter),
        WakeRefusal.CapacityShort => Unavailable("capacity-short", "Many workspaces are waking up", refused.Detail, "waking", refused.RetryAfter),
        WakeRefusal.Updating => Unavailable("updating", "Your workspace is being updated", refused.Detail, "updating", refused.RetryAfter),
        WakeRefusal.HostFull => Unavailable("host-full", "The host of your workspace has no room", refused.Detail, "failed", refused.RetryAfter),
        WakeRefusal.HostUnreachable => Unavailable("host-unreachable", "The host of your workspace does not answer", refused.Detail, "failed", refused.RetryAfter),
        WakeRefusal.NeverHealthy => Unavailable("never-healthy", "Your workspace started but does not answer", refused.Detail, "failed", refused.RetryAfter),
        WakeRefusal.Crashed => Unavailable("crashed", "Your workspace stopped while it started", refused.Detail, "failed", refused.RetryAfter),
        WakeRefusal.OutOfMemory => Unavailable("out-of-memory", "Your workspace ran out of memory while it started", refused.Detail, "failed", refused.RetryAfter),
        WakeRefusal.Gone => Unavailable("gone", "Your workspace's machine no longer exists", refused.Detail, "gone", refused.RetryAfter),
        WakeRefusal.Forbidden => Unavailable("not-permitted", "The gateway may not start this workspace", refused.Detail, "failed", refused.RetryAfter),
        WakeRefusal.Asleep => Unavailable("asleep", "Your workspace sleeps", refused.Detail, "asleep", refused.RetryAfter),
        WakeRefusal.MapUnavailable => MapUnavailable(refused.RetryAfter),
        WakeRefusal.PlatformUnavailable => Unavailable("platform-unavailable", "The platform does not answer", refused.Detail, "asleep", refused.RetryAfter),
        _ => throw new ArgumentOutOfRangeException(nameof(refused), refused.Reason, "A wake refusal without a status."),
    };

    public static Refusal Of(ProvisionOutcome.Refused refused) => refused.Reason switch
    {
        ProvisionRefusal.HoldLimit => Unavailable("still-provisioning", "Your workspace is being made", refused.Detail, "provisioning", refused.RetryAfter),
        ProvisionRefusal.RegionFull => Unavailable("region-full", "No region has room for your workspace", refused.Detail, "failed", refused.RetryAfter),
        ProvisionRefusal.QuotaExceeded => Unavailable("quota-exceeded", "There is no room for another workspace", refused.Detail, "failed", refused.RetryAfter),
        ProvisionRefusal.MapUnavailable => MapUnavailable(refused.RetryAfter),
        ProvisionRefusal.PlatformUnavailable => Unavailable("platform-unavailable", "The platform does not answer", refused.Detail, "unassigned", refused.RetryAfter),
        ProvisionRefusal.Forbidden or ProvisionRefusal.Misconfigured => Unavailable("not-provisioned", "The gateway cannot make your workspace", refused.Detail, "failed", refused.RetryAfter),
        ProvisionRefusal.Failed => Unavailable("provisioning-failed", "Your workspace could not be made", refused.Detail, "failed", refused.RetryAfter),
        _ => throw new ArgumentOutOfRangeException(nameof(refused), refused.Reason, "A provisioning refusal without a status."),
    };

    /// <summary>The workspace took the request, or never could, and there is no answer of its own to pass on. Null: nobody is there to be told.</summary>
    public static Refusal? Of(ForwardOutcome outcome) => outcome switch
    {
        ForwardOutcome.Completed or ForwardOutcome.ClientLeft => null,
        ForwardOutcome.NeverReached => Unavailable(
            "unreachable", "Your workspace does not take connections", "It is started, but it could not be reached.", "awake", TimeSpan.FromSeconds(5)),
        ForwardOutcome.Silent => new(
            StatusCodes.Status504GatewayTimeout, "silent", "Your workspace did not answer", "It took the request and sent nothing for longer than is allowed on this path.") { GatewayState = "awake" },
        ForwardOutcome.Forbidden => Unavailable(
            "destination-refused", "Your workspace is at an address the gateway may not dial", "It is outside of the private network, or the gateway's own. Operators find both in the log.", "awake", TimeSpan.FromSeconds(30)),
        ForwardOutcome.Steering => new(
            StatusCodes.Status502BadGateway, "steering-answer", "Your workspace's answer was not meant for you", "It was an order to the platform's proxy (fly-replay), which workspaces may not give.") { GatewayState = "awake" },
        ForwardOutcome.BodyOverdue => new(
            StatusCodes.Status408RequestTimeout, "body-overdue", "The request's body did not come", "The request announced a body and sent nothing of it. Your workspace has seen at most its head; send the request again, with its body.") { GatewayState = "awake" },
        ForwardOutcome.Drained => Unavailable("restarting", "The gateway is restarting", "Please ask again.", "awake", TimeSpan.FromSeconds(1)),
        _ => new(
            StatusCodes.Status502BadGateway, "broken-answer", "Your workspace broke off", "It closed the connection before it answered. Whether it carried the request out is not known.") { GatewayState = "awake" },
    };

    /// <summary>Only the hold is over; the wake, or the making, goes on.</summary>
    public static bool IsOnItsWay(Refusal refusal) => refusal.Type is "still-waking" or "still-provisioning";

    /// <summary>The target means one thing as written and another when normalised.</summary>
    public static readonly Refusal DisputedPath = new(
        StatusCodes.Status400BadRequest, "disputed-path", "The path is ambiguous", "Its dot segments or encoded characters lead to the gateway's own paths when they are resolved. Write the path plainly.");

    public static readonly Refusal MalformedTarget = new(
        StatusCodes.Status400BadRequest, "malformed-target", "The path is malformed", "It contains a blank, a control character or one that is not ASCII. Encode it (%20, %C3%A9).");

    public static readonly Refusal FieldsOfOneConnection = new(
        StatusCodes.Status400BadRequest, "fields-of-one-connection", "A header that HTTP/2 does not have", "Transfer-Encoding, Upgrade, Keep-Alive and Proxy-Connection are HTTP/1.1's alone. Leave them out.");

    public static readonly Refusal NoTunnels = new(
        StatusCodes.Status501NotImplemented, "no-tunnels", "The gateway opens no tunnels", "CONNECT is answered for WebSockets over HTTP/2 alone (RFC 8441).");

    public static readonly Refusal AmbiguousBody = new(
        StatusCodes.Status400BadRequest, "ambiguous-body", "Where the request's body ends is ambiguous", "It says Content-Length and is chunked as well, or is coded in several ways, and servers differ on what counts. Send one of the two.");

    public static Refusal TooMany(TimeSpan retryAfter) => new(
        StatusCodes.Status429TooManyRequests, "too-many-requests", "Too many requests", "More come from you, or from your address, than the gateway passes on. Wait a moment, and open fewer at once.") { RetryAfter = retryAfter };

    /// <summary>The request has been here before.</summary>
    public static readonly Refusal Loop = new(
        StatusCodes.Status508LoopDetected, "loop", "The request goes round in a circle", "The gateway has already forwarded it once. A program in the workspace sends it back to the gateway's own address; have it ask its target directly.");

    public static readonly Refusal RootServiceWorker = new(
        StatusCodes.Status403Forbidden, "root-service-worker", "A service worker cannot be registered for the whole site",
        "One at the root would answer for the gateway's own pages. Move its script into a folder, such as /app/service-worker.js.");

    /// <summary>What let the request in was ended while it was held.</summary>
    public static Refusal AccessEnded(string reason) => new(
        StatusCodes.Status401Unauthorized, "access-ended", "Your access ended while you waited", reason + " Nothing of this request reached your workspace.");

    /// <summary>An operator lets nothing new in.</summary>
    public static readonly Refusal Closed = Unavailable(
        "closed", "Your workspace is closed for maintenance", "Your operator lets nothing new in for now. What is open goes on, and your files are safe.", "draining", TimeSpan.FromSeconds(30));

    /// <summary>Nothing is known of the user, because Redis is away: nobody is sent to sign in again for that.</summary>
    public static Refusal MapUnavailable(TimeSpan retryAfter) => Unavailable(
        "map-unavailable", "Where your workspace is cannot be looked up right now", "The session map does not answer. Your files are safe; please try again shortly.", "unknown", retryAfter);

    private static Refusal Unavailable(string type, string title, string detail, string state, TimeSpan retryAfter) =>
        new(StatusCodes.Status503ServiceUnavailable, type, title, detail) { GatewayState = state, RetryAfter = retryAfter };
}
