using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Gateway.Identity;

/// <summary>The keys that the provider publishes, as evidence: a token verified by them is to be verified anew when it publishes others.</summary>
internal sealed class PublishedKeys(Provider provider, IOptions<IdentityOptions> options, TimeProvider time)
{
    private Reading? _current;

    /// <summary>Only once the provider is known.</summary>
    public async ValueTask<Evidence> CurrentAsync(CancellationToken cancellationToken)
    {
        // Asked each time, as the validation itself does: this is what notices that the keys are to be read again.
        var published = await provider.Configuration.GetConfigurationAsync(cancellationToken);
        var current = Volatile.Read(ref _current);
        if (current is not null && ReferenceEquals(current.Published, published) && time.GetElapsedTime(current.ReadAt) < options.Value.BelieveFor)
        {
            return current;
        }

        var next = new Reading(published, time.GetTimestamp());
        if (Interlocked.CompareExchange(ref _current, next, current) == current)
        {
            current?.Doubt();
        }

        return next;
    }

    private sealed class Reading(OpenIdConnectConfiguration published, long readAt) : Evidence(readAt)
    {
        public OpenIdConnectConfiguration Published => published;
    }
}
