<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- One disk must be the image that I know. Edit the two values, and keep the quotes. The digest
     is what `bulkhead measure disk:PATH` prints. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:param name="target" select="'disk:/dev/sdb1'"/>
  <xsl:param name="digest" select="'sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'"/>

  <xsl:template match="/projection">
    <xsl:variable name="disk" select="measurement[@target = $target]/node[@type = 'disk']"/>
    <xsl:choose>
      <xsl:when test="count($disk) = 1 and count($disk/value[@name = 'digest']) = 1
                      and $disk/value[@name = 'digest'] = $digest">
        <true/>
      </xsl:when>
      <xsl:otherwise>
        <false>
          <reason path="{$target}">
            <xsl:choose>
              <xsl:when test="not($disk)">was not measured</xsl:when>
              <xsl:otherwise>is not the known image</xsl:otherwise>
            </xsl:choose>
          </reason>
        </false>
      </xsl:otherwise>
    </xsl:choose>
  </xsl:template>
</xsl:stylesheet>
