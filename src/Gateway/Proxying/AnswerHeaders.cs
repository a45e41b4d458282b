using System.Net;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Gateway.Proxying;

/// <summary>
/// What of a workspace's answer would reach further than its own client and pages: Fly's proxy, the gateway's cookies and paths, the origin's other requests.
/// </summary>
internal sealed class AnswerHeaders(OwnCookies cookies, WorkspaceConnections connections, ProxyingMetrics metrics, int workspacePort)
{
    private const string ReplayType = "application/vnd.fly.replay+json";

    /// <summary>Everything the gateway answers itself, and nobody else.</summary>
    private const string Own = "/.gateway/";

    /// <summary>Takes out and mends. False: the whole answer is meant for Fly's proxy, and nothing of it may pass.</summary>
    /// <param name="response">With the workspace's headers copied to it.</param>
    /// <param name="answer">The workspace's.</param>
    public bool Disarm(HttpResponse response, HttpResponseMessage answer)
    {
        // Only these names can be of concern; the headers of the answer are read through without an allocation, those of the response could not be.
        foreach (var (name, _) in answer.Headers.NonValidated)
        {
            Disarm(name, response, answer);
        }

        foreach (var (name, _) in answer.Content.Headers.NonValidated)
        {
            Disarm(name, response, answer);
        }

        // Wherever it stands: an answer may carry the header twice, and which of the two the platform's proxy reads is not ours to guess.
        if (response.StatusCode != StatusCodes.Status101SwitchingProtocols && IsReplay(response.Headers.ContentType))
        {
            metrics.Disarmed("replay_answer");
            return false;
        }

        return true;
    }

    private void Disarm(string name, HttpResponse response, HttpResponseMessage answer)
    {
        var headers = response.Headers;
        if (KindOf(name) is { } kind)
        {
            headers.Remove(name);
            metrics.Disarmed(kind);
        }
        else if (name.Equals(HeaderNames.SetCookie, StringComparison.OrdinalIgnoreCase) && SetCookieHeader.Without(headers.SetCookie, cookies.IsOurs) is { } others)
        {
            headers.SetCookie = others;
            metrics.Disarmed("cookie");
        }
        else if (IsLocation(name) && WithoutPrivateAddress(headers[name].ToString(), answer.RequestMessage?.RequestUri?.Host) is { } rewritten)
        {
            headers[name] = rewritten;
            metrics.Disarmed("location");
        }
        else if (name.Equals("Service-Worker-Allowed", StringComparison.OrdinalIgnoreCase) && Covers(headers[name].ToString(), response.HttpContext.Request.Path))
        {
            headers.Remove(name);
            metrics.Disarmed("service_worker");
        }
    }

    private static string? KindOf(string name) => (name[0] | 0x20) switch
    {
        // Fly's proxy acts on its own vocabulary: a workspace could send the next request to another app.
        'f' when name.StartsWith("Fly-", StringComparison.OrdinalIgnoreCase) => "platform",
        'g' when name.StartsWith("Gateway-", StringComparison.OrdinalIgnoreCase) => "gateway",
        // These have browsers report every later request to the origin, a sign-in's callback with its code among them, to an address of the workspace's choice.
        'n' when name.Equals("NEL", StringComparison.OrdinalIgnoreCase) => "reporting",
        'r' when name.Equals("Report-To", StringComparison.OrdinalIgnoreCase) => "reporting",
        _ => null,
    };

    private static bool IsReplay(StringValues types)
    {
        foreach (var type in types)
        {
            if (type is not null && type.Contains(ReplayType, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsLocation(string name) =>
        name.Equals(HeaderNames.Location, StringComparison.OrdinalIgnoreCase) || name.Equals("Content-Location", StringComparison.OrdinalIgnoreCase);

    /// <summary>The local part of a link to where the workspace believes itself to be; null: it leads elsewhere and stays.</summary>
    private string? WithoutPrivateAddress(string location, string? authority)
    {
        // A relative one, by far the most, is not worth parsing.
        if (!location.Contains("//", StringComparison.Ordinal)
            || !Uri.TryCreate(location.StartsWith("//", StringComparison.Ordinal) ? "http:" + location : location, UriKind.Absolute, out var uri)
            || uri.Scheme is not ("http" or "https")
            || !IsPrivate(uri, authority))
        {
            return null;
        }

        var local = uri.PathAndQuery + uri.Fragment;
        return local.StartsWith("//", StringComparison.Ordinal) ? "/." + local : local;
    }

    private bool IsPrivate(Uri uri, string? authority)
    {
        if (uri.HostNameType is UriHostNameType.Dns)
        {
            return uri.Host.EndsWith(".internal", StringComparison.OrdinalIgnoreCase) || (uri.Port == workspacePort && uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase));
        }

        return IPAddress.TryParse(uri.DnsSafeHost, out var address)
            && (address.Equals(connections.AddressOf(authority))
                || (uri.Port == workspacePort && (IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))));
    }

    /// <summary>Whether the scope a service worker's script is allowed has the gateway's paths in it. Scopes are compared as text.</summary>
    private static bool Covers(string scope, PathString script)
    {
        if (!Uri.TryCreate("http://origin" + script.ToUriComponent(), UriKind.Absolute, out var at) || !Uri.TryCreate(at, scope, out var allowed))
        {
            return true;
        }

        var path = Uri.UnescapeDataString(allowed.AbsolutePath);
        return Own.StartsWith(path, StringComparison.OrdinalIgnoreCase) || path.StartsWith(Own, StringComparison.OrdinalIgnoreCase);
    }
}
