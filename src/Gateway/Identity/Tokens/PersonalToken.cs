using System.Security.Claims;
using System.Text.Json.Serialization;

namespace Gateway.Identity.Tokens;

/// <summary>A personal access token as it is kept: everything but its text.</summary>
internal sealed record PersonalToken
{
    public required string User { get; init; }

    /// <summary>What its user calls it.</summary>
    public required string Label { get; init; }

    public required DateTimeOffset Made { get; init; }

    public required DateTimeOffset Expires { get; init; }

    /// <summary>What the allow-list looks at, as it was when the token was made. Roles are not among it: a token never makes an operator.</summary>
    public string? Name { get; init; }

    public string? Email { get; init; }

    public IReadOnlyList<string> Groups { get; init; } = [];

    public static PersonalToken Of(ClaimsPrincipal user, string label, DateTimeOffset made, DateTimeOffset expires) => new()
    {
        User = user.GetUserId().Value,
        Label = label,
        Made = made,
        Expires = expires,
        Name = user.FindFirst(UserClaims.Name)?.Value,
        Email = user.FindFirst(UserClaims.Email)?.Value,
        Groups = [.. user.FindAll(UserClaims.Group).Select(static claim => claim.Value)],
    };

    public ClaimsPrincipal ToPrincipal(string id)
    {
        var claims = new List<Claim> { new(UserClaims.User, User), new(UserClaims.Credential, id), UserClaims.IssuedAt(Made), new(UserClaims.Expires, Expires.ToUnixTimeSeconds().ToString(System.Globalization.CultureInfo.InvariantCulture)) };
        if (Name is not null)
        {
            claims.Add(new Claim(UserClaims.Name, Name));
        }

        if (Email is not null)
        {
            claims.Add(new Claim(UserClaims.Email, Email));
        }

        claims.AddRange(Groups.Select(static group => new Claim(UserClaims.Group, group)));
        return new ClaimsPrincipal(new ClaimsIdentity(claims, IdentitySchemes.Token, UserClaims.Name, UserClaims.Role));
    }
}

/// <summary>A token in its user's list.</summary>
internal sealed record ListedToken(string Id, PersonalToken Token, DateTimeOffset? LastUsed);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PersonalToken))]
internal sealed partial class TokenJson : JsonSerializerContext;
