using System.Security.Claims;

namespace Gateway.Identity.Refreshing;

/// <summary>What became of a refresh token that was sent to the provider.</summary>
internal abstract record RefreshAnswer
{
    /// <summary>The grant holds.</summary>
    /// <param name="Token">To be sent next time; null: the same.</param>
    /// <param name="User">What the provider says of the user now; null: it says nothing new.</param>
    public sealed record Granted(string? Token, ClaimsPrincipal? User) : RefreshAnswer;

    /// <summary>The provider does not vouch for the user any more.</summary>
    /// <param name="Error">Its code (RFC 6749 section 5.2, OpenID Connect Core section 3.1.2.6).</param>
    public sealed record Refused(string Error) : RefreshAnswer;

    /// <summary>It answered, and neither yes nor no: the gateway's own registration is wrong, or the answer makes no sense.</summary>
    /// <param name="Token">As in <see cref="Granted"/>.</param>
    /// <param name="Why">For the operator; never text of the provider's.</param>
    public sealed record Faulty(string? Token, string Why) : RefreshAnswer;

    /// <summary>It does not answer, or asks to be left alone for a while.</summary>
    public sealed record Unavailable : RefreshAnswer;
}
