using Microsoft.Extensions.Primitives;

namespace Gateway.Proxying;

/// <summary>
/// The mark by which the gateway knows a request that it has already forwarded: a workspace that proxies to the gateway's public address would send it
/// round for ever. <c>CDN-Loop</c> (RFC 8586) and not <c>Via</c> (RFC 9110, 7.6.3), which says the same but makes web servers stop compressing.
/// </summary>
/// <param name="pseudonym">The same on all replicas of one gateway, and no other gateway's.</param>
internal sealed class HopMarker(string pseudonym)
{
    public const string Header = "CDN-Loop";

    public bool IsOn(HttpRequest request)
    {
        foreach (var line in request.Headers[Header])
        {
            // An id may be followed by parameters, and stand among those of others.
            foreach (var entry in line.AsSpan().Split(','))
            {
                var id = line.AsSpan(entry);
                var end = id.IndexOf(';');
                if ((end < 0 ? id : id[..end]).Trim().Equals(pseudonym, StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>What goes up: the marks of those before us, and ours.</summary>
    public string After(StringValues before) => before.Count == 0 ? pseudonym : $"{before}, {pseudonym}";
}
