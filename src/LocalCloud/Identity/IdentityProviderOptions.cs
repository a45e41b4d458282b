using Microsoft.Extensions.Logging.Abstractions;

namespace LocalCloud.Identity;

/// <summary>A program that signs users in. A client without a secret is public.</summary>
/// <param name="Redirects">What a redirect address must begin with. Empty: any port of this machine, which suits listeners on port 0.</param>
internal sealed record IdentityClient(string Id, string? Secret = null, IReadOnlyList<string>? Redirects = null, bool AllowPassword = false);

/// <summary>What one identity provider is made of.</summary>
internal sealed record IdentityProviderOptions
{
    /// <summary>0: whatever port is free, on 127.0.0.1; otherwise this port of <c>localhost</c>.</summary>
    public int Port { get; init; }

    /// <summary>Keys are kept here, so that tokens and sign-ins survive a restart.</summary>
    public required string Folder { get; init; }

    public required IReadOnlyList<IdentityClient> Clients { get; init; }

    /// <summary>What access tokens are for.</summary>
    public string Audience { get; init; } = "my-jarvis-desktop";

    /// <summary>Names that get the role <c>operator</c>.</summary>
    public IReadOnlyList<string> Operators { get; init; } = ["ops"];

    public TimeSpan AccessTokenLifetime { get; init; } = TimeSpan.FromHours(1);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public ILoggerProvider Log { get; init; } = NullLoggerProvider.Instance;
}
