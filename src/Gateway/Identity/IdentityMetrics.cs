using System.Diagnostics.Metrics;

namespace Gateway.Identity;

internal sealed class IdentityMetrics
{
    private readonly Counter<long> _signIns;
    private readonly Counter<long> _refusals;

    public IdentityMetrics(IMeterFactory meters, SignIns signIns)
    {
        var meter = meters.Create("Gateway");
        _signIns = meter.CreateCounter<long>("gateway.sign_ins", "{sign_in}", "Browser sign-ins by outcome");
        _refusals = meter.CreateCounter<long>("gateway.identity.refusals", "{request}", "Requests refused for who they come from, by reason");
        meter.CreateObservableGauge("gateway.sign_ins.believed", () => signIns.Believed, "{sign_in}", "Sign-ins kept in memory");
    }

    public void SignedIn() => _signIns.Add(1, new KeyValuePair<string, object?>("outcome", "signed_in"));

    public void SignInFailed(string reason) => _signIns.Add(1, new KeyValuePair<string, object?>("outcome", reason));

    public void Refused(string type) => _refusals.Add(1, new KeyValuePair<string, object?>("reason", type));
}
