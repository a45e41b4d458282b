using System.Diagnostics.Metrics;
using Gateway.Identity.Refreshing;

namespace Gateway.Identity;

internal sealed class IdentityMetrics
{
    private readonly Counter<long> _signIns;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _refreshes;

    public IdentityMetrics(IMeterFactory meters, SignIns signIns)
    {
        var meter = meters.Create("Gateway");
        _signIns = meter.CreateCounter<long>("gateway.sign_ins", "{sign_in}", "Browser sign-ins by outcome");
        _refusals = meter.CreateCounter<long>("gateway.identity.refusals", "{request}", "Requests refused for who they come from, by reason");
        _refreshes = meter.CreateCounter<long>("gateway.sign_ins.refreshes", "{refresh}", "Sign-ins that the identity provider was asked about again, by what it answered");
        meter.CreateObservableGauge("gateway.sign_ins.believed", () => signIns.Believed, "{sign_in}", "Sign-ins kept in memory");
    }

    public void SignedIn() => _signIns.Add(1, new KeyValuePair<string, object?>("outcome", "signed_in"));

    public void SignInFailed(string reason) => _signIns.Add(1, new KeyValuePair<string, object?>("outcome", reason));

    public void Refreshed(RefreshOutcome outcome, int count) => _refreshes.Add(count, new KeyValuePair<string, object?>("outcome", NameOf(outcome)));

    public void Refused(string type) => _refusals.Add(1, new KeyValuePair<string, object?>("reason", type));

    private static string NameOf(RefreshOutcome outcome) => outcome switch
    {
        RefreshOutcome.Confirmed => "confirmed",
        RefreshOutcome.Changed => "changed",
        RefreshOutcome.Refused => "refused",
        RefreshOutcome.Faulty => "faulty",
        RefreshOutcome.Unavailable => "unavailable",
        _ => "not_asked",
    };
}
